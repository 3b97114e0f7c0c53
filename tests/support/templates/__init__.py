"""The rows of the templates of PS3.16 that our reports follow, and a checker of content trees against them."""
