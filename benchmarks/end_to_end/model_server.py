"""The demonstration model behind HTTP, as dicom-ai-router wants it: our own warm predictor, so that no time of the
model's is held against the router.

    python benchmarks/end_to_end/model_server.py --port 9000
"""

import argparse
import io
import threading
from typing import Annotated, Any

import numpy as np
import uvicorn
from fastapi import FastAPI, File, UploadFile
from models import SCORE, hounsfield_units, in_order, spacing_of, steps_of
from pydicom import dcmread

from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.model.predictor import Predictor


def application(predictor: Predictor) -> FastAPI:
    """Return the service; one series is scored at a time."""
    app = FastAPI()
    turn = threading.Lock()
    label = predictor.bundle.manifest.output.labels[0]

    @app.get("/health")
    def health() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/infer")
    def infer(files: Annotated[list[UploadFile], File()]) -> dict[str, Any]:
        images = in_order([dcmread(io.BytesIO(one.file.read())) for one in files])
        with turn:
            answer = predictor.analyse(map(hounsfield_units, images), [*map(spacing_of, images)], steps_of(images))
        score = float(answer.series[0])
        flagged = score >= label.threshold
        shown = images[int(np.argmax(answer.slices[:, 0]))].SOPInstanceUID if flagged else None
        return {
            "model": predictor.bundle.manifest.name,
            "model_version": predictor.bundle.manifest.version,
            "result": "POSITIVE" if flagged else "NEGATIVE",
            "summary_lines": [[SCORE, f"{score:.6f}"]],
            "key_sop_instance_uid": shown,
            "overlays": [],
            "display_window": [40, 80],
            "findings": [],
        }

    return app


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    predictor = Predictor(open_bundle(bundled()), "cpu")
    predictor.warm_up()
    uvicorn.run(application(predictor), host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
