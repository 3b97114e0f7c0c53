"""How the slots of all hosts hear of work through PostgreSQL (Procrastinate); asynchronous code lives only here.

Never here: state. A message is a wake-up with nothing in it; the job row alone says what is to be done.
"""
