"""The operator's fault campaigns: the same story is told under faults, and has to end as it does without any.

`main.py` is the program; `cargo xtask chaos operator` runs it, and `tests/conformance/test_kube_chaos.py` a short form. A story
(`story.py`) is what a user does with a few objects that refer to one another. A run (`run.py`) is one telling of it: a namespace,
an account and an operator of its own, with gates (`gates.py`) before the API server and before AWS. What a run comes to
(`state.py`) is compared with the run without faults. Campaigns are in `campaigns.py` and `troubles.py`.
"""
