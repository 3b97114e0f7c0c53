"""The documents as tests read them: pages, links, and the commands they show, on a site where those can be done."""
