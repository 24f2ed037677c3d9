"""Weighted rows in blocks, wherever and however they are stored, and sums over them.

`Rows` standardises columns implicitly, hands out blocks (`DenseBlock`, `SparseBlock`)
and samples, and adds up what a function makes of every block. It imports nothing from
the rest of the package; whoever needs the data asks it.
"""
