"""What `status` says of endpoint services and endpoints."""

from emulator import names
from emulator.report import shapes
from emulator.topology.given import Addresses
from emulator.topology.model import Topology, Vpc
from emulator.topology.privatelink import carriers


def services(topology: Topology, vpc: Vpc) -> list[shapes.EndpointServiceStatus]:
    """Those of one VPC, each with the endpoints that want it, as describe-vpc-endpoint-connections lists them."""
    return [
        shapes.EndpointServiceStatus(
            name=service.name,
            service_name=names.service_name(topology.name, topology.region_of(vpc), vpc.name, service.name),
            network_load_balancers=list(service.network_load_balancers),
            acceptance_required=service.acceptance_required,
            connections=[
                shapes.EndpointConnection(vpc=other.name, vpc_endpoint=endpoint.name, state=endpoint.state)
                for other in topology.vpcs
                for endpoint in other.vpc_endpoints
                if (endpoint.service_vpc, endpoint.service) == (vpc.name, service.name)
            ],
        )
        for service in vpc.vpc_endpoint_services
    ]


def endpoints(topology: Topology, vpc: Vpc, addresses: Addresses) -> list[shapes.EndpointStatus]:
    """Those of one VPC."""
    if not vpc.vpc_endpoints:
        return []
    carried = {carrier.node: carrier.balancer_node for carrier in carriers(topology)}
    return [
        shapes.EndpointStatus(
            name=endpoint.name,
            vpc_endpoint_id=names.endpoint_id(topology.name, vpc.name, endpoint.name),
            service=endpoint.served_by,
            state=endpoint.state,
            security_groups=list(endpoint.security_groups),
            network_interfaces=[
                shapes.EndpointAddress(
                    name=(node := endpoint.node(subnet)),
                    subnet=subnet,
                    private_ip=str(addresses.private[node]),
                    load_balancer=carried.get(node, ""),
                )
                for subnet in endpoint.subnets
            ],
        )
        for endpoint in vpc.vpc_endpoints
    ]
