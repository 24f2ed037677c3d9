"""What is chosen from the data, and how sure it is.

`Search` looks for a width, starts and features by the evidence: `WidthSearch` trains
networks of several widths on given features, `FeatureSelection` uses it on fewer of
them, a `Trainer` takes one `Run` through its stages. `Laplace` is the evidence of a
network, `Posterior` the variance of its predictions. It knows the network and, through
it, solver and rows; of scikit-learn it knows nothing: whoever wants to hear of a fit
is a `Listener`.
"""
