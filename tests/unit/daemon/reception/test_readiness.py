from hounsfield.daemon.reception.readiness import Readiness
from hounsfield.daemon.reception.status import InstanceRefused, Status
from hounsfield.storage.errors import SpoolError


class Acceptor:
    """Is ready unless it has a trouble."""

    trouble: Exception | None = None

    def check_ready(self) -> None:
        if self.trouble is not None:
            raise self.trouble


def test_only_a_change_is_told_with_its_reason():
    acceptor, told = Acceptor(), []
    readiness = Readiness(acceptor, told.append)
    readiness.look()
    assert told == []
    acceptor.trouble = InstanceRefused(Status.DATABASE_DOWN)
    readiness.look()
    readiness.look()
    assert told == ["STATUS=not ready: images are refused (A700): the database does not answer, try again later"]
    assert readiness.reason == Status.DATABASE_DOWN.comment
    acceptor.trouble = SpoolError("the disk is gone")
    readiness.look()
    assert told[1:] == ["STATUS=not ready: images are refused (A700): the disk is gone"]
    acceptor.trouble = None
    readiness.look()
    assert told[2:] == ["STATUS=ready: images are accepted"]
    assert readiness.reason is None
