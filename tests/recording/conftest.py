"""Whatever a test of this room does, Transformers' attention interface is as it was found."""

import pytest
from transformers import AttentionInterface


@pytest.fixture(autouse=True)
def interface_is_left_as_found():
    before = dict(AttentionInterface._global_mapping), AttentionInterface.get_interface
    yield
    assert (AttentionInterface._global_mapping, AttentionInterface.get_interface) == before
