"""Scores that the job database holds, judged anew: by other thresholds, by a truth, beside another bundle.

Never here: new results. What is judged anew is shown and not sent.
"""
