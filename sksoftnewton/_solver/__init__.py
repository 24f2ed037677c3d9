"""The outer loop, its steps and the forms of the Newton system.

This wing knows no objective: of a problem it asks a value with its gradient, what
they cost and how exact they are (`Objective`), and of whoever calls it the system to
solve at a point. It imports nothing from the rest of the package. The objectives of
both columns, the estimator's network and the paper's problem, are minimised by its
`minimize`.
"""
