"""Several plants in one repository: each data set's pipeline on a branch of its own, and what came out of all.

One retraining of one data set is in `renewal`; how two commits differ is in `pull_request`.
"""
