import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from support.training_sets import bundle_table, config_of

from hounsfield.model.errors import TrainingError
from hounsfield.model.train import config as module
from hounsfield.model.train.config import TrainConfig, read_config
from hounsfield.model.train.example import EXAMPLE


def uncommented(text: str) -> dict[str, Any]:
    """The example with every key that is commented out switched on."""
    lines = []
    for line in text.splitlines():
        match = re.match(r"# (\[?[a-z_]+\]?( = .*)?$|\[[a-z]+\] .*$)", line)
        lines.append(line[2:] if match else line)
    return tomllib.loads("\n".join(lines))


def test_the_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "train.toml").write_text(EXAMPLE)
    config = read_config(tmp_path / "train.toml")
    assert config.data.prepared == tmp_path / "prepared"
    assert config.bundle is not None
    assert config.bundle.labels[0].report_as == "haemorrhage"


def test_the_example_names_every_key() -> None:
    document = uncommented(EXAMPLE)
    missing = []
    for table, field in TrainConfig.model_fields.items():
        section = field.annotation if isinstance(field.annotation, type) else module.BundleChoice
        assert section is not None
        assert issubclass(section, BaseModel)
        missing += [f"{table}.{key}" for key in section.model_fields if key not in document.get(table, {})]
    # The scope has a document of its own; a preference is optional there as well.
    assert missing == ["bundle.preference"]


def test_the_defaults_of_the_example_are_those_of_the_code() -> None:
    document = uncommented(EXAMPLE)
    shown = TrainConfig.model_validate(document)
    default = config_of(Path("prepared"))
    for key in type(shown.training).model_fields:
        if key not in ("epochs", "batch", "steps", "device"):
            assert getattr(shown.training, key) == getattr(default.training, key), key
    assert shown.augmentation == default.augmentation


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[data]\nprepared = 'p'\n[optimiser]\nname = 'adaam'", r"train.toml: optimiser.name: .*'adam', 'adamw'"),
        ("[data]\nprepared = 'p'\n[training]\nepoch = 3", "training.epoch: unknown key; allowed: .*epochs"),
        ("[data]\nprepared = 'p'\n[network]\nname = 'resnet'", "network.name: must be one of compact, classic"),
        ("[data]\n", "data.prepared: this key is required"),
        ("[data]\nprepared = 'p'\n[augmentation]\nflip_vertical = 0.5", "augmentation.flip_vertical: unknown key"),
        ("[data]\nprepared = 'p'\n[network]\nactivation = 'softmax'", 'activation must be "sigmoid" with compact'),
        ("[data]\nprepared = 'p'\n[split]\nvalidation = 0.7\ntest = 0.5", "split: validation must be above 0"),
        ("[data]\nprepared = 'p'\n[split]\nseed = -1", "split.seed: .*greater than or equal to 0"),
        ("[data]\nprepared = 'p'\n[training]\nseed = 4294967296", "training.seed: .*less than 4294967296"),
        ("[data", "not TOML"),
    ],
)
def test_a_wrong_key_is_named_with_its_file_and_what_is_allowed(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "train.toml"
    file.write_text(text)
    with pytest.raises(TrainingError, match=words):
        read_config(file)


def test_loss_scaling_on_several_devices_is_refused() -> None:
    with pytest.raises(ValueError, match="mixed_bfloat16"):
        config_of(Path("p"), training={"precision": "mixed_float16", "devices": 2})


def test_a_first_label_that_decides_nothing_is_refused() -> None:
    labels = [bundle_table()["labels"][0] | {"decides": False}]
    with pytest.raises(ValueError, match="the first label must decide"):
        config_of(Path("p"), bundle=bundle_table(labels=labels))
