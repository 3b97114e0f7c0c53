"""Reception: the Storage and Verification SCP, from the association to the durable, registered instance.

Never here: clinical judgement. A C-STORE is answered by whether the bytes are safe; what an image is worth is decided
in daemon/assembly.
"""
