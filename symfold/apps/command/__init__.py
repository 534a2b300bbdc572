"""The command: `symfold SUBCOMMAND ...`. Each subcommand imports what it needs when it runs, so that help is instant.

In: arguments. Out: text, JSON or files, and an exit code.

    main       the program and its exit codes
    options    arguments that several subcommands share
    compare, draw, eval, explore, formula, backward, graph, inspect, list, sweep, train   one subcommand each
"""
