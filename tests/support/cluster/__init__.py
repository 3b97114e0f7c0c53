"""Several hosts on one machine: network namespaces with processes, links that can be cut, and what is found after."""
