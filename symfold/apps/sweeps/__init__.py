"""Sweeps: a function run for every setting of a grid, in many processes or on many machines.

In: a grid of settings, an executor. Out: a record per setting, in a file that a later run continues.

    records     a trial's record, and records in a file of JSON lines
    execution   trials over an executor; a pool that survives killed processes
    results     the records as a table, a frame and a plot
    trials      the trial that trains on a table
    run         sf.sweep
"""
