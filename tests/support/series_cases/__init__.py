"""What becomes of which series: the table of cases, random mixtures of them, and the promises that all must keep."""
