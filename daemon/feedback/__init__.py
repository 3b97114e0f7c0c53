"""What readers say about our results, by the documents they store, and which documents are our own."""
