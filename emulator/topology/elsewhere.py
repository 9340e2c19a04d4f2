"""What people bring along from elsewhere: ids and ARNs of AWS, Terraform, CloudFormation, other keyboards.

Only asked once something is wrong; then these hints say more than the ones for a plain slip.
"""

import re
import unicodedata

AWS_ID = re.compile(
    "(vpc|subnet|igw|eigw|nat|rtb|sg|sgr|eni|i|eipalloc|eipassoc|pl|vpce|pcx|tgw|vgw|acl|dopt|lb)-"
    "(?:[0-9a-f]{17}|[0-9a-f]{8})"
)
EXPRESSION = re.compile(r"\$\{.*|(?:aws_[a-z_]+|data|var|local|module|each|count)\.[\w.\[\]*\"-]+")
HCL = re.compile(r"(?:resource|data|provider|variable|module|terraform|locals|output)\b[^:]*\{")
CAMEL = re.compile("(?<=[a-z0-9])(?=[A-Z])")

BY_NAME = "here a resource goes by the name that it has in this file"

_EVERYWHERE = frozenset({"*", "0/0", "0", "0.0.0.0", "any", "all", "anywhere", "everywhere", "default", "internet"})

_PORTS = {
    "http": 80,
    "https": 443,
    "ssh": 22,
    "rdp": 3389,
    "dns": 53,
    "smtp": 25,
    "ftp": 21,
    "telnet": 23,
    "ntp": 123,
    "mysql": 3306,
    "postgres": 5432,
    "postgresql": 5432,
    "redis": 6379,
    "mssql": 1433,
    "mongodb": 27017,
}

_NO_IPV6 = "IPv6 is not emulated yet"
_NO_EGRESS_ONLY = (
    "an egress-only internet gateway is for IPv6, which is not emulated yet; for IPv4 there are NAT gateways"
)
_NO_ALLOCATION = "an Elastic IP is an address: elastic_ip of the instance, NAT gateway or subnet_mapping that has it"
_BLOCKS = "CIDR blocks go into from (ingress) or to (egress)"
_GROUPS = "security groups go into from (ingress) or to (egress)"
_NAMED = "a resource's name is the key above it"
_NO_MACHINE = "an instance is a network namespace; it has no image and no type"
_TEMPLATE = "a CloudFormation template is not read; name and vpcs describe a lab, as in topologies/nat.yaml"
_HCL = "Terraform's files are not read; name and vpcs describe a lab, as in topologies/nat.yaml"

# By Terraform's spelling; CloudFormation's is turned into it.
KEYS = {
    "aws_template_format_version": _TEMPLATE,
    "awstemplate_format_version": _TEMPLATE,
    "resources": _TEMPLATE,
    "parameters": _TEMPLATE,
    "outputs": _TEMPLATE,
    "transform": _TEMPLATE,
    "resource": _HCL,
    "terraform": _HCL,
    "instances": "instances go into the VPC; each names its subnet",
    "nat_gateways": "NAT gateways go into the VPC; each names its subnet",
    "security_groups": "security groups go into the VPC; an instance names its own",
    "security_group_ingress": "the key is ingress",
    "security_group_egress": "the key is egress",
    "group_description": "the key is description",
    "group_name": _NAMED,
    "name_prefix": _NAMED,
    "cidr_ip": _BLOCKS,
    "cidr_ipv4": _BLOCKS,
    "source_security_group_id": _GROUPS,
    "destination_security_group_id": _GROUPS,
    "referenced_security_group_id": _GROUPS,
    "ip_protocol": "the key is protocol",
    "action": "a security group can only allow",
    "image_id": _NO_MACHINE,
    "key_name": "`vpcemu shell NAME` needs no key",
    "user_data": "services say what listens; `vpcemu exec NAME` runs a command",
    "enable_dns_support": "Amazon's resolver is not emulated; an outside host may have the service dns",
    "enable_dns_hostnames": "instances know each other by their names in this file",
    "instance_tenancy": "tenancy is not emulated",
    "tags": "tags are not emulated; a resource's name is the key above it",
    "tags_all": "tags are not emulated; a resource's name is the key above it",
    "count": "Terraform's meta-arguments are not read: write each resource out",
    "for_each": "Terraform's meta-arguments are not read: write each resource out",
    "depends_on": "remove it: the order of the file does not count",
    "lifecycle": "Terraform's meta-arguments are not read",
    "provider": "Terraform's meta-arguments are not read",
    "type": "the kind of a resource is the key that it stands under, such as subnets",
    "properties": "a resource's properties are its keys, without `Properties` between",
    "az": "the key is availability_zone",
    "zone": "the key is availability_zone",
    "egress_only_internet_gateway": _NO_EGRESS_ONLY,
    "egress_only_internet_gateways": _NO_EGRESS_ONLY,
    "egress_only_gateway_id": _NO_EGRESS_ONLY,
    "egress_only_gateway": _NO_EGRESS_ONLY,
    "eigw": _NO_EGRESS_ONLY,
    "elastic_ips": _NO_ALLOCATION,
    "eips": _NO_ALLOCATION,
    "eip": _NO_ALLOCATION,
    "allocation_id": _NO_ALLOCATION,
    "allow_reassociation": "remove it: an address that is written elsewhere moves there; twice in a file it is refused",
    "assign_generated_ipv6_cidr_block": _NO_IPV6,
    "assign_ipv6_address_on_creation": _NO_IPV6,
    "enable_dns64": _NO_IPV6,
    "enable_resource_name_dns_aaaa_record_on_launch": _NO_IPV6,
    "ipv6_address_count": _NO_IPV6,
    "ipv6_addresses": _NO_IPV6,
    "ipv6_cidr_block": _NO_IPV6,
    "ipv6_cidr_blocks": _NO_IPV6,
    "ipv6_native": _NO_IPV6,
    "id": BY_NAME,
    "arn": BY_NAME,
}


def value_hint(text: str) -> str:
    """What to write instead of this, if it shows where it is from; else ""."""
    found = AWS_ID.fullmatch(text)
    if found and found[1] == "eipalloc":
        return "that is the id of an allocation; elastic_ip holds the address itself"
    if found and found[1] == "eigw":
        return _NO_EGRESS_ONLY
    if found:
        return f"that is an id of AWS's; {BY_NAME}"
    if text.startswith("arn:"):
        return f"that is an ARN; {BY_NAME}"
    if HCL.match(text):
        return "that is Terraform's language; a topology is YAML, such as topologies/nat.yaml"
    if EXPRESSION.fullmatch(text):
        return "Terraform's expressions are not read: write the value, or the name that it has in this file"
    if strange := next((character for character in text if not character.isascii()), ""):
        named = unicodedata.name(strange, "")
        called = f" ({named})" if named else ""
        return f"U+{ord(strange):04X}{called} is no ASCII character: type it anew"
    if text.strip() != text:
        return "remove the spaces around it"
    return ""


def cidr_hint(text: str) -> str:
    """What to write instead of this where a block is wanted, or ""."""
    if text.lower() in _EVERYWHERE:
        return "0.0.0.0/0 is every address"
    if "," in text:
        return "one block; several are a list where a list is allowed, or an entry each"
    if " " in text and re.fullmatch("[0-9./ ]+", text):
        return "without spaces, such as 10.0.0.0/16"
    if re.fullmatch(r"[0-9.]+/255\.[0-9.]+", text):
        length = sum(int(octet or 0).bit_count() for octet in text.partition("/")[2].split("."))
        return f"the length of the prefix and not a mask: {text.partition('/')[0]}/{length}"
    if re.search(r"(?:^|[./])0[0-9]", text):
        return "numbers without zeros before them, such as 10.0.0.0/16"
    return ""


def port_hint(text: str) -> str:
    """What to write instead of this where ports are wanted, or ""."""
    if text.lower() in _PORTS:
        return f"{text} is port {_PORTS[text.lower()]}"
    if re.fullmatch("[0-9]+(?: *, *[0-9-]+)+", text):
        return f"several are a list: [{text}]"
    if re.fullmatch("[0-9]+(?::|\\.\\.|/)[0-9]+", text):
        return f"a range is written {'-'.join(re.findall('[0-9]+', text))}"
    if re.fullmatch("[0-9]+ *- *[0-9]+", text):
        return "a single port, and no range"
    if found := re.fullmatch("([0-9]+)/(tcp|udp)", text):
        return f"port: {found[1]}, and protocol: {found[2]}"
    return "all is every port" if text.lower() in _EVERYWHERE else ""


def protocol_hint(text: str) -> str:
    """What to write instead of this where a protocol is wanted, or ""."""
    word = text.lower()
    if word in _PORTS:
        return f"{text} is port {_PORTS[word]} of protocol {'udp' if word in ('dns', 'ntp') else 'tcp'}"
    if word in ("ping", "icmpv4"):
        return "write icmp"
    if re.fullmatch("tcp *[/,+|] *udp|udp *[/,+|] *tcp", word):
        return "a rule for tcp and another for udp"
    return "all is every protocol" if word in ("any", "*", "ip", "everything") else ""


def snake(key: str) -> str:
    """CloudFormation's CidrBlock as Terraform's cidr_block."""
    return CAMEL.sub("_", key).lower()
