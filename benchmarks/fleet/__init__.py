"""A fleet to measure on: the work, the emulated devices, the ways to do it, and what each cost.

Owns what `benchmarks/peers.py` compares. The devices are a process of their own; each way is a
fresh process on another core, so that no way inherits another's memory, modules or threads.
"""
