"""Benchmarks: ratios measured in one run, never timed tests. `python -m tests.benchmarks --help` lists the options.

    nets            the nets of the table: symfold's spelling and the reference formulas that every peer computes
    work            cases; a net at a case, with its numbers
    peers/          one small file a peer: a whole training step in place, and an evaluation
    floor           the bare matrix products, flops at the measured peak, the empty call, packing
    measure         results checked equal, then interleaved rounds: medians and ratios
    targets         what is aimed at, as ratios
    first_call      from the net to the first step done, in a process of its own
    lines           where the time of the generated NumPy source goes, line by line
    alone           rows each in a process of its own, with several threads
    parts           where the time of a step in machine code goes
    page            the table on the terminal, the page of the docs

    held            processes held to an instruction set and a number of threads, with evidence
    models          transformer, LSTM, convolutions, residual nets, told to each library
    steps           training steps of the models
    calls           one call through the public API of each library
    long_nets       20,000 operations without a fold
    digits          a whole training, from a CSV to 97 % right
    each            all of these, each row in a process of its own
    kept            measurements as JSON, with their dates
    kept_page       their tables on the page

No peer is imported before its row is run.
"""
