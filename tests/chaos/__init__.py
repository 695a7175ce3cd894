"""The kill sweep: a cloud is killed at random moments under traffic, and must keep what it acknowledged.

`sweep.py` is the program; `cargo xtask chaos` runs it, and `tests/conformance/test_chaos.py` a short sweep. Actors (`actors/`)
write through stock clients, each from a thread of its own, and keep a journal (`journal.py`) of what was answered. `victim.py`
kills the cloud and starts it again.
"""
