"""Whether what a model sees, and what it answers, is still what it used to be. numpy only.

Never here: TensorFlow, and a verdict about a patient: these are figures about many.
"""
