"""Weighted rows in blocks, wherever and however they are stored, and sums over them.

`WeightedRows` is what the network asks: sums over blocks, and samples. `Rows` are on
this machine: they standardise columns implicitly, hand out blocks (`DenseBlock`,
`SparseBlock`), and add up what a function makes of every block. `DaskRows` are chunks
of `Rows` on workers; only `tasks`, `chunks`, `cutting`, `dask_data` and `dask_rows`
know of Dask, and they are imported when its first collection arrives. `Data` is what
rows are made of, in the user's units. The wing imports nothing from the rest of the
package; whoever needs the data asks it.
"""
