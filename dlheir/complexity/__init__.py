"""What networks cost: parameters, operations, memory and speed, and the paper's Table 2.

`counts.measure` counts one network; `main.main` is `dlheir complexity`.
"""
