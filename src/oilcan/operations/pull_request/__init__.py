"""What a reviewer of a change needs to know: two commits compared, in Markdown.

The comparison of forecasts itself is in `oilcan.evaluation.comparisons.paired` and `oilcan.governance.compare`.
"""
