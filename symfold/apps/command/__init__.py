"""The command: `symfold SUBCOMMAND ...`. Each subcommand imports what it needs when it runs, so that help is instant.

In: arguments. Out: text, JSON or files, and an exit code.

    color        colors on terminals
    tables       the names that the command takes
    completion   names that a shell completes
    help         options under headings
    options      arguments that several subcommands share
    compare, draw, eval, explore, formula, backward, graph, inspect, list, sweep, train   one subcommand each
    main         the program and its exit codes
"""
