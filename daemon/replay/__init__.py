"""Scores that the job database holds, judged anew: by other thresholds, by a truth, beside another bundle."""
