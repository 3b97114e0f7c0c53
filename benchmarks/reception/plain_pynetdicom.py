"""A Storage SCP as one writes it with pynetdicom in an afternoon: the received bytes to a file, no fsync, 0000.

python benchmarks/reception/plain_pynetdicom.py PORT FOLDER
"""

import secrets
import sys
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])

    def store(event: evt.Event) -> int:
        (folder / f"{secrets.token_hex(16)}.dcm").write_bytes(event.encoded_dataset())
        return 0x0000

    entity = AE(ae_title="HOUNSFIELD")
    entity.maximum_associations = 1000
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(str(context.abstract_syntax), ExplicitVRLittleEndian)
    entity.start_server(("127.0.0.1", port), block=True, evt_handlers=[(evt.EVT_C_STORE, store)])


if __name__ == "__main__":
    main()
