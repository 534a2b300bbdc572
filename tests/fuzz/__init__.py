"""Random nets and hostile inputs against the laws that hold for all of them, for as long as is asked.

    python -m tests.fuzz nets --minutes 1                   random nets: values, derivatives, rolling, formulas, counts
    python -m tests.fuzz readers --seconds 30 --seed 7      mutated expressions, tables, parameter files and nets as JSON
    python -m tests.fuzz --seconds 60                       nets
    python -m tests.fuzz readers --figures figures.json     the figures of this run are added to those in the file

The seed is printed first. What breaks a law is made smaller and printed with the seed that draws it, and the exit code is 1.

    figures    numbers of what was tried, added up over runs in a file
    nets       random nets and their laws
    readers    mutated inputs of every reader
"""
