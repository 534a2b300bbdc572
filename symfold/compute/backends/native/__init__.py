"""Native code: machine code by LLVM, with loops over the depth.

In: a net of known shapes. Out: the text of an LLVM module, and the compiled program.

    arrays          a base, a shape and strides; most arrangements are views
    axes, batch     the sample axis of every value
    processors      what code is compiled for: vector registers, features
    formats         number types: bits, bounds, polynomial coefficients
    instructions    LLVM registers, loads and stores
    code            loops around instructions, divided among threads
    approximations  exp, log, tanh, erf and relatives as polynomials
    functions       elementwise functions as vector code, one row each
    layout          the innermost axis of arrays
    loop_fusion     elementwise values of a fold's results, computed in its steps
    loops, copies   elementwise loops and reductions; copies of arrays
    disk_cache      machine code on disk, in a folder of the user
    optimization    LLVM's passes, fewer for large modules
    machine         compilation for a processor
    rewriting       rewrites before code generation
    threads         how many threads pay; the same code called by several
    writer          the state of code generation: code, memory, layout
    products        matrix products by register tiles
    folds           folds as loops over memory
    matrices, contractions, argmax, row_lookup, windows, primitives   code for primitives
    body            a block as code
    rules           the operations that have native code
    module          a net as the text of a module
    program         a net as a compiled program
    training        training steps in one call
    row             the row of the backend
"""
