"""nftables grammar: small pieces whose mistakes would be silent."""

from ipaddress import IPv4Network

import pytest

from emulator.compile import nft


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0, 2**32 - 1, "0.0.0.0/0"),
        (0x0A000000, 0x0AFFFFFF, "10.0.0.0/8"),
        (0x0A000001, 0x0A000001, "10.0.0.1"),
        (0x0A000001, 0x0A000002, "10.0.0.1-10.0.0.2"),  # as large as a /31, but not one
        (0, 0x09FFFFFF, "0.0.0.0-9.255.255.255"),
    ],
)
def test_a_range_is_a_prefix_only_where_it_is_one(low: int, high: int, text: str) -> None:
    assert nft.addresses(low, high) == text


def test_the_text_replaces_the_table_in_one_transaction() -> None:
    table = nft.Table(
        sets=(nft.Set("allowed", "ipv4_addr", nft.prefixes([IPv4Network("10.0.0.0/8")]), interval=True),),
        chains=(
            nft.Chain(
                "in",
                (nft.Rule("ip saddr @allowed accept", 'says "yes"'),),
                nft.Hook("filter", "input", "filter", "drop"),
            ),
        ),
    )
    ruleset = nft.render(table)
    assert ruleset.text == (
        "table ip vpcemu\n"
        "delete table ip vpcemu\n"
        "table ip vpcemu {\n"
        '\tcomment "@COMMENT@"\n'
        "\tset own_generation {\n"
        "\t\ttype mark\n"
        "\t}\n"
        "\tset allowed {\n"
        "\t\ttype ipv4_addr\n"
        "\t\tflags interval\n"
        "\t\telements = {\n"
        "\t\t\t10.0.0.0/8,\n"
        "\t\t}\n"
        "\t}\n"
        "\tchain in {\n"
        "\t\ttype filter hook input priority filter; policy drop;\n"
        "\t\tip saddr @allowed accept comment \"says 'yes'\"\n"
        "\t}\n"
        "}\n"
    )
    assert nft.render(table) == ruleset
    assert nft.render(table._replace(sets=())).digest != ruleset.digest
