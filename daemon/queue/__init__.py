"""How the slots of all hosts hear of work through PostgreSQL (Procrastinate); asynchronous code lives only here."""
