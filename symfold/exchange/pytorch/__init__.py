"""PyTorch: modules as nets, and nets as modules.

regions       regions without gradient or in other types
export        what torch.export makes of a module
dtypes        which types of numbers keep their meaning
modules       modules that have rows of their own
chains        repeated modules, for folds
rows          what a row holds
arrangement, images, choice, elementwise, products, recurrent, ops   one row per operation
reader        sf.from_torch
spellings     what PyTorch spells in its own way
adjoints      operations with the derivatives of their rows
writer        sf.to_torch
"""
