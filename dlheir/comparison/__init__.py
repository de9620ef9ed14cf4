"""`dlheir compare`: how long the paper's systems and ours take, for Table 3 and Figures 4 to 6."""
