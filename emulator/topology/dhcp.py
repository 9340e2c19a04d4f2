"""Records of DHCP options -> DhcpOptions (DHCP-01, DHCP-02)."""

from emulator.topology.model import DhcpOptions
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.values import AMAZON_DNS

SERVERS_AT_MOST = 4


def build_dhcp_options(record: Record | None, region: str, report: Report) -> DhcpOptions | None:
    """What the file says, with AWS's domain where it names none."""
    if record is None:
        return None
    servers = record.get("domain_name_servers") or ()
    if len(servers) > SERVERS_AT_MOST:
        what = f"{len(servers)} name servers: DHCP options hold {SERVERS_AT_MOST} at most"
        report.error(record.where, what, "remove some", "InvalidParameterValue", "domain_name_servers")
    if AMAZON_DNS in servers and len(servers) > 1:
        what = f"{AMAZON_DNS} stands alone, or addresses do"
        report.error(record.where, what, "keep one of the two", "InvalidParameterValue", "domain_name_servers")
    if "domain_name_servers" in record and servers == () and record.get("domain_name_servers") is not None:
        what = "the list of name servers is empty"
        hint = f"leave it out for {AMAZON_DNS}"
        report.error(record.where, what, hint, "InvalidParameterValue", "domain_name_servers")
    return DhcpOptions(
        record.get("domain_name") or default_domain(region),
        tuple(server for server in servers if server not in (None, AMAZON_DNS)),
    )


def default_domain(region: str) -> str:
    """DHCP-01."""
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
