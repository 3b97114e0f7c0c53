"""The templates our report uses, as tables from PS3.16 annex A. TID 1500 stands at the end.

Left out are rows for what we never write (regions of interest, persons as observers, time points): such an item
passes as an extension where its template is extensible. Where IHE AIR asks for more than PS3.16 (tracking, the
finding, the algorithm), its demand is written here.
"""

from collections.abc import Callable

from pydicom import Dataset
from support.templates.rows import MANY, Include, Need, Row, Template, dcm, sct

M, MC, U = Need.MANDATORY, Need.CONDITIONAL, Need.OPTIONAL
MOD, OBS, ACQ, CONTAINS = "HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS ACQ CONTEXT", "CONTAINS"
INFERRED, SELECTED = "INFERRED FROM", "SELECTED FROM"
LANGUAGES = frozenset((tag, "RFC5646") for tag in ("en-US", "en-GB", "en", "de-DE", "de"))
"""CID 5000, as far as we speak them."""
PRESENCE = sct("52101004", "272519000", "373068000")
"""CID 240: present, absent, undetermined."""
PROCESSING = dcm("111241", "111242", "111243", "111244", "111245")
"""CID 6047."""
TITLES = dcm("126000", "126001", "126002", "126003")
"""CID 7021."""


def _without(*codes: str) -> Callable[[Dataset], bool]:
    def condition(parent: Dataset) -> bool:
        names = {item.ConceptNameCodeSequence[0].CodeValue for item in parent.get("ContentSequence", [])}
        return not names & set(codes)

    return condition


def _text(number: str, relation: str, code: str, need: Need = U, most: int = 1) -> Row:
    return Row(number=number, relation=relation, value_type="TEXT", name=dcm(code), need=need, most=most)


def _uid(number: str, relation: str, code: str, need: Need = U) -> Row:
    return Row(number=number, relation=relation, value_type="UIDREF", name=dcm(code), need=need)


TID_1204 = Template(
    tid="1204",
    extensible=False,
    ordered=True,
    rows=(
        Row(
            number="1",
            relation=MOD,
            value_type="CODE",
            name=dcm("121049"),
            need=M,
            values=LANGUAGES,
            children=(Row(number="2", relation=MOD, value_type="CODE", name=dcm("121046"), need=U),),
        ),
    ),
)
TID_1004 = Template(
    tid="1004",
    extensible=False,
    ordered=True,
    rows=(
        _uid("1", OBS, "121012", M),
        _text("2", OBS, "121013"),
        _text("3", OBS, "121014"),
        _text("4", OBS, "121015"),
        _text("5", OBS, "121016"),
        _text("6", OBS, "121017"),
    ),
)
TID_1002 = Template(
    tid="1002",
    extensible=False,
    ordered=True,
    rows=(
        # row 1 is conditional: mandatory where the observer is a device, as ours always is
        Row(number="1", relation=OBS, value_type="CODE", name=dcm("121005"), need=M, values=dcm("121006", "121007")),
        Include(number="3", template=TID_1004, need=M),
    ),
)
TID_4019 = Template(
    tid="4019",
    extensible=True,
    ordered=False,
    rows=(
        _text("1", MOD, "111001", M),
        _text("2", MOD, "111003", M),
        _text("3", MOD, "122405"),
        _text("4", MOD, "111002", most=MANY),
        Row(number="5", relation=MOD, value_type="CODE", name=dcm("111000"), need=U, values=dcm("123110")),
    ),
)
TID_320 = Template(
    tid="320",
    extensible=False,
    ordered=False,
    rows=(
        Row(number="1", relation=INFERRED, value_type="IMAGE", name=dcm("121112"), need=U, most=MANY),
        Row(
            number="3",
            relation=INFERRED,
            value_type="SCOORD",
            name=dcm("121112"),
            need=U,
            most=MANY,
            children=(Row(number="4", relation=SELECTED, value_type="IMAGE", name=None, need=M),),
        ),
    ),
)
TID_300 = Template(
    tid="300",
    extensible=False,
    ordered=True,
    rows=(
        Row(
            number="1",
            relation=CONTAINS,
            value_type="NUM",
            name=dcm("122157"),
            need=M,
            values=frozenset({("1", "UCUM")}),
            children=(Include(number="12", template=TID_320, need=U, most=MANY),),
        ),
    ),
)
TID_1501 = Template(
    tid="1501",
    extensible=True,
    ordered=True,
    rows=(
        Row(
            number="1",
            relation=CONTAINS,
            value_type="CONTAINER",
            name=dcm("125007"),
            need=M,
            children=(
                _text("2", OBS, "112039", M),
                _uid("3", OBS, "112040", M),
                Row(number="3b", relation=CONTAINS, value_type="CODE", name=dcm("121071"), need=M),
                Row(number="6", relation=MOD, value_type="CODE", name=sct("363698007"), need=U, most=MANY),
                Include(number="9", template=TID_4019, need=M),
                Include(number="10", template=TID_300, need=U, most=MANY),
                # what stands below is an evaluation of the finding, so its values are those of CID 240
                Row(number="11", relation=CONTAINS, value_type="CODE", name=None, need=U, most=MANY, values=PRESENCE),
                Row(number="12", relation=CONTAINS, value_type="IMAGE", name=dcm("121112"), need=M, most=MANY),
            ),
        ),
    ),
)
TID_1602 = Template(
    tid="1602",
    extensible=True,
    ordered=False,
    rows=(
        Row(number="1", relation=ACQ, value_type="CODE", name=dcm("121139"), need=M, values=dcm("CT", "OT", "SC")),
        _uid("6", ACQ, "112227"),
        *(
            Row(
                number=number,
                relation=ACQ,
                value_type="NUM",
                name=dcm(code),
                need=U,
                values=frozenset({("{pixels}", "UCUM")}),
            )
            for number, code in (("7", "110910"), ("8", "110911"))
        ),
    ),
)
TID_1601 = Template(
    tid="1601",
    extensible=True,
    ordered=False,
    rows=(Row(number="1", relation=CONTAINS, value_type="IMAGE", name=None, need=M, most=MANY),),
)
TID_1600 = Template(
    tid="1600",
    extensible=True,
    ordered=False,
    rows=(
        Row(
            number="1",
            relation=CONTAINS,
            value_type="CONTAINER",
            name=dcm("111028"),
            need=M,
            children=(
                Row(
                    number="2",
                    relation=CONTAINS,
                    value_type="CONTAINER",
                    name=dcm("126200"),
                    need=M,
                    most=MANY,
                    children=(
                        Include(number="3", template=TID_1602, need=M),
                        Include(number="4", template=TID_1601, need=M, most=MANY),
                    ),
                ),
            ),
        ),
    ),
)
TID_1500 = Template(
    tid="1500",
    extensible=True,
    ordered=True,
    rows=(
        Row(
            number="1",
            relation=None,
            value_type="CONTAINER",
            name=TITLES,
            need=M,
            children=(
                Include(number="2", template=TID_1204, need=M),
                Include(number="3", template=TID_1002, need=M, most=MANY),
                Row(number="4", relation=MOD, value_type="CODE", name=dcm("121058"), need=M, most=MANY),
                Include(number="5", template=TID_1600, need=U),
                Row(
                    number="6",
                    relation=CONTAINS,
                    value_type="CONTAINER",
                    name=dcm("126010"),
                    need=MC,
                    condition=_without("126011", "C0034375"),
                    children=(Include(number="9", template=TID_1501, need=U, most=MANY),),
                ),
                Row(
                    number="12",
                    relation=CONTAINS,
                    value_type="CONTAINER",
                    name=frozenset({("C0034375", "UMLS")}),
                    need=MC,
                    condition=_without("126010", "126011"),
                    children=(
                        Row(
                            number="13",
                            relation=CONTAINS,
                            value_type="CODE",
                            name=dcm("111017"),
                            need=M,
                            values=PROCESSING,
                        ),
                        _text("14", CONTAINS, "121111", M),
                        _text("14", CONTAINS, "121106", M, most=MANY),
                    ),
                ),
            ),
        ),
    ),
)
