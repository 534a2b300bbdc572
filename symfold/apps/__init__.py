"""Apps: applications of the packages below.

In: a command line, a table or two nets. Out: a formula, a picture, a model, a report.

    data            tables of numbers from CSV
    tasks           a column of numbers or of labels
    metrics         what predictions are worth
    table_nets      nets over the rows of a table
    regression      a net fitted to a column of numbers or labels, and its baselines
    saved           models on disk
    sweeps/         a grid of settings, in many processes
    experiments/    measurements over seeds
    status          a line on the terminal while something takes long
    document        an HTML file of its own
    report/         the comparison of two nets: a table, a page
    explore/        mappers at any depth: a widget, and a page
    command/        the shell command
"""
