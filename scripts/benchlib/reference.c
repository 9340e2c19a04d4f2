/*
 * The yardstick: what building a lab costs when nothing but the kernel's own work is left.
 *
 *   reference up   < plan     make the lab of the plan, print the milliseconds the kernel part took
 *   reference down < plan     remove it (umount and unlink each name), print the milliseconds
 *
 * A plan is written by plan.py, one operation a line (fields never hold a space):
 *
 *   ns NODE NAME ALIAS                              make the namespace NAME; NODE is its number in this plan
 *   veth NODE LINK INDEX MAC NODE LINK INDEX MAC MTU
 *   sysctl NODE KEY VALUE
 *   up NODE INDEX
 *   delay NODE INDEX MILLISECONDS                   the link's proxy_delay, by netlink
 *   look NODE INDEX                                 RTM_GETLINK: makes the kernel handle the delayed carrier event
 *   addr NODE INDEX IP LEN
 *   neigh NODE INDEX IP MAC
 *   route NODE TABLE DESTINATION LEN KIND INDEX VIA ONLINK          INDEX 0 and VIA - for none
 *   rule NODE PRIORITY MARK TABLE
 *   nft NODE BYTES                                  followed by that many bytes for `nft -f -`
 *
 * The plan is read and parsed first. Only the kernel's part is timed: netlink messages of consecutive operations in one
 * namespace go out as one batch that asks for one acknowledgement, as vpcemu's do.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 60000   /* bytes of requests sent at once */
#define LOOKS 64      /* replies are a kilobyte each and must fit the receive buffer */

enum kind { NS, VETH, SYSCTL, UP, DELAY, LOOK, ADDR, NEIGH, ROUTE, RULE, NFT };

struct op {
    enum kind kind;
    int node, peer_node, index, peer_index;
    unsigned table, mark, priority, mtu;
    int length, onlink, type, family;
    unsigned char ip[4], via[4], mac[6], peer_mac[6];
    int has_via;
    char *name, *text; /* name: namespace, link or key; text: alias, peer's link, value or ruleset */
    size_t bytes;
    unsigned long long milliseconds;
};

static struct op *ops;
static size_t op_count;
static int *namespaces; /* node number -> open file of its namespace */
static int node_count;

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* ---- the plan ---- */

static void mac_of(const char *text, unsigned char *mac) {
    if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6)
        die("not a MAC: %s", text);
}

static void ip_of(const char *text, unsigned char *ip) {
    if (inet_pton(AF_INET, text, ip) != 1)
        die("not an address: %s", text);
}

static int split(char *line, char **field, int most) {
    int count = 0;
    for (char *word = strtok(line, " \n"); word && count < most; word = strtok(NULL, " \n"))
        field[count++] = word;
    return count;
}

static void read_plan(void) {
    char *line = NULL, *f[16] = {0};
    size_t room = 0, capacity = 0;
    while (getline(&line, &room, stdin) > 0) {
        if (op_count == capacity) {
            capacity = capacity ? capacity * 2 : 4096;
            ops = realloc(ops, capacity * sizeof *ops);
        }
        struct op *op = &ops[op_count++];
        memset(op, 0, sizeof *op);
        int count = split(line, f, 16);
        if (count < 2)
            die("a line of the plan is too short");
        op->node = atoi(f[1]);
        if (op->node >= node_count)
            node_count = op->node + 1;
        if (!strcmp(f[0], "ns")) {
            op->kind = NS;
            op->name = strdup(f[2]);
            op->text = strdup(f[3]);
        } else if (!strcmp(f[0], "veth")) {
            op->kind = VETH;
            op->name = strdup(f[2]);
            op->index = atoi(f[3]);
            mac_of(f[4], op->mac);
            op->peer_node = atoi(f[5]);
            op->text = strdup(f[6]);
            op->peer_index = atoi(f[7]);
            mac_of(f[8], op->peer_mac);
            op->mtu = (unsigned)atoi(f[9]);
        } else if (!strcmp(f[0], "sysctl")) {
            op->kind = SYSCTL;
            if (asprintf(&op->name, "/proc/sys/%s", f[2]) < 0)
                die("out of memory");
            op->text = strdup(f[3]);
        } else if (!strcmp(f[0], "up") || !strcmp(f[0], "look")) {
            op->kind = f[0][0] == 'u' ? UP : LOOK;
            op->index = atoi(f[2]);
        } else if (!strcmp(f[0], "delay")) {
            op->kind = DELAY;
            op->index = atoi(f[2]);
            op->milliseconds = strtoull(f[3], NULL, 10);
        } else if (!strcmp(f[0], "addr")) {
            op->kind = ADDR;
            op->index = atoi(f[2]);
            ip_of(f[3], op->ip);
            op->length = atoi(f[4]);
        } else if (!strcmp(f[0], "neigh")) {
            op->kind = NEIGH;
            op->index = atoi(f[2]);
            ip_of(f[3], op->ip);
            mac_of(f[4], op->mac);
        } else if (!strcmp(f[0], "route")) {
            op->kind = ROUTE;
            op->table = (unsigned)strtoul(f[2], NULL, 10);
            ip_of(f[3], op->ip);
            op->length = atoi(f[4]);
            op->type = !strcmp(f[5], "blackhole") ? RTN_BLACKHOLE : !strcmp(f[5], "throw") ? RTN_THROW : RTN_UNICAST;
            op->index = atoi(f[6]);
            if ((op->has_via = strcmp(f[7], "-") != 0))
                ip_of(f[7], op->via);
            op->onlink = atoi(f[8]);
        } else if (!strcmp(f[0], "rule")) {
            op->kind = RULE;
            op->priority = (unsigned)strtoul(f[2], NULL, 10);
            op->mark = (unsigned)strtoul(f[3], NULL, 10);
            op->table = (unsigned)strtoul(f[4], NULL, 10);
        } else if (!strcmp(f[0], "nft")) {
            op->kind = NFT;
            op->bytes = strtoul(f[2], NULL, 10);
            op->text = malloc(op->bytes + 1);
            if (fread(op->text, 1, op->bytes, stdin) != op->bytes)
                die("the plan ends in the middle of a ruleset");
        } else {
            die("unknown operation: %s", f[0]);
        }
    }
    free(line);
}

/* ---- netlink ---- */

static char batch[BATCH + 4096], reply[1 << 18];
static size_t used;
static struct nlmsghdr *last;
static int current = -1, netlink = -1, looks;

static struct nlmsghdr *begin(int type, int flags, const void *body, size_t size) {
    last = (struct nlmsghdr *)(batch + used);
    memset(last, 0, NLMSG_SPACE(size));
    last->nlmsg_type = (unsigned short)type;
    last->nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags);
    last->nlmsg_len = (unsigned)NLMSG_LENGTH(size);
    memcpy(NLMSG_DATA(last), body, size);
    return last;
}

static struct rtattr *put(int type, const void *data, size_t size) {
    struct rtattr *attribute = (struct rtattr *)((char *)last + NLMSG_ALIGN(last->nlmsg_len));
    attribute->rta_type = (unsigned short)type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    if (size)
        memcpy(RTA_DATA(attribute), data, size);
    last->nlmsg_len = (unsigned)(NLMSG_ALIGN(last->nlmsg_len) + RTA_ALIGN(attribute->rta_len));
    return attribute;
}

static void put_u32(int type, unsigned value) { put(type, &value, sizeof value); }

static void close_nest(struct rtattr *nest) {
    nest->rta_len = (unsigned short)((char *)last + NLMSG_ALIGN(last->nlmsg_len) - (char *)nest);
}

/* Send what has been gathered, wait for the acknowledgement of its last message, stop at the first refusal. */
static void flush(void) {
    if (!used)
        return;
    last->nlmsg_flags |= NLM_F_ACK;
    last->nlmsg_seq = 1;
    if (send(netlink, batch, used, 0) < 0)
        die("netlink send: %s", strerror(errno));
    used = 0;
    looks = 0;
    for (int done = 0; !done;) {
        ssize_t size = recv(netlink, reply, sizeof reply, 0);
        if (size < 0)
            die("netlink receive: %s", strerror(errno));
        for (struct nlmsghdr *m = (void *)reply; NLMSG_OK(m, size); m = NLMSG_NEXT(m, size)) {
            if (m->nlmsg_type != NLMSG_ERROR)
                continue;
            const struct nlmsgerr *error = NLMSG_DATA(m);
            if (error->error)
                die("the kernel refused a message of type %d: %s", error->msg.nlmsg_type, strerror(-error->error));
            done = error->msg.nlmsg_seq == 1;
        }
    }
}

static void end(void) {
    used += NLMSG_ALIGN(last->nlmsg_len);
    if (used > BATCH)
        flush();
}

static void open_netlink(void) {
    const int room = 4 << 20;
    netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (netlink < 0)
        die("netlink socket: %s", strerror(errno));
    setsockopt(netlink, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
}

static void leave(void) {
    if (netlink >= 0) {
        flush();
        close(netlink);
        netlink = -1;
    }
}

static void enter(int node) {
    if (node == current)
        return;
    leave();
    if (setns(namespaces[node], CLONE_NEWNET))
        die("setns: %s", strerror(errno));
    current = node;
}

static void need_netlink(void) {
    if (netlink < 0)
        open_netlink();
}

/* ---- the operations ---- */

static void make_namespace(const struct op *op) {
    char path[256];
    struct ifinfomsg lo = {.ifi_family = AF_UNSPEC, .ifi_index = 1};
    leave();
    if (unshare(CLONE_NEWNET))
        die("unshare: %s", strerror(errno));
    current = op->node;
    namespaces[op->node] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (namespaces[op->node] < 0)
        die("open of a namespace: %s", strerror(errno));
    open_netlink();
    begin(RTM_NEWLINK, 0, &lo, sizeof lo);
    put(IFLA_IFALIAS, op->text, strlen(op->text));
    end();
    leave();
    snprintf(path, sizeof path, "/run/netns/%s", op->name);
    int file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
    if (file < 0)
        die("%s: %s", path, strerror(errno));
    close(file);
    if (mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL))
        die("mount of %s: %s", path, strerror(errno));
}

static void add_veth(const struct op *op) {
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = op->index};
    struct ifinfomsg peer = {.ifi_family = AF_UNSPEC, .ifi_index = op->peer_index};
    begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
    put(IFLA_IFNAME, op->name, strlen(op->name) + 1);
    put(IFLA_ADDRESS, op->mac, 6);
    put_u32(IFLA_MTU, op->mtu);
    struct rtattr *info = put(IFLA_LINKINFO, NULL, 0);
    put(IFLA_INFO_KIND, "veth", 4);
    struct rtattr *data = put(IFLA_INFO_DATA, NULL, 0);
    struct rtattr *other = put(VETH_INFO_PEER, &peer, sizeof peer);
    put(IFLA_IFNAME, op->text, strlen(op->text) + 1);
    put(IFLA_ADDRESS, op->peer_mac, 6);
    put_u32(IFLA_MTU, op->mtu);
    put_u32(IFLA_NET_NS_FD, (unsigned)namespaces[op->peer_node]);
    close_nest(other);
    close_nest(data);
    close_nest(info);
    end();
}

static void set_up(const struct op *op) {
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = op->index, .ifi_flags = IFF_UP};
    link.ifi_change = IFF_UP;
    begin(RTM_NEWLINK, 0, &link, sizeof link);
    end();
}

static void set_delay(const struct op *op) {
    struct ndtmsg table = {.ndtm_family = AF_INET};
    begin(RTM_SETNEIGHTBL, 0, &table, sizeof table);
    put(NDTA_NAME, "arp_cache", 10);
    struct rtattr *parameters = put(NDTA_PARMS, NULL, 0);
    put_u32(NDTPA_IFINDEX, (unsigned)op->index);
    put(NDTPA_PROXY_DELAY, &op->milliseconds, sizeof op->milliseconds);
    close_nest(parameters);
    end();
}

static void look(const struct op *op) {
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = op->index};
    begin(RTM_GETLINK, 0, &link, sizeof link);
    put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    end();
    if (++looks >= LOOKS)
        flush();
}

static void add_address(const struct op *op) {
    struct ifaddrmsg address = {.ifa_family = AF_INET, .ifa_index = (unsigned)op->index};
    address.ifa_prefixlen = (unsigned char)op->length;
    begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &address, sizeof address);
    put(IFA_LOCAL, op->ip, 4);
    put(IFA_ADDRESS, op->ip, 4);
    end();
}

static void add_neighbour(const struct op *op) {
    struct ndmsg neighbour = {.ndm_family = AF_INET, .ndm_ifindex = op->index, .ndm_state = NUD_PERMANENT};
    begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &neighbour, sizeof neighbour);
    put(NDA_DST, op->ip, 4);
    put(NDA_LLADDR, op->mac, 6);
    end();
}

static void add_route(const struct op *op) {
    struct rtmsg route = {.rtm_family = AF_INET, .rtm_protocol = RTPROT_STATIC, .rtm_type = (unsigned char)op->type};
    route.rtm_dst_len = (unsigned char)op->length;
    route.rtm_scope = op->type == RTN_UNICAST && !op->has_via ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    route.rtm_flags = op->onlink ? RTNH_F_ONLINK : 0;
    begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &route, sizeof route);
    put_u32(RTA_TABLE, op->table);
    if (op->length)
        put(RTA_DST, op->ip, 4);
    if (op->index)
        put_u32(RTA_OIF, (unsigned)op->index);
    if (op->has_via)
        put(RTA_GATEWAY, op->via, 4);
    end();
}

static void add_rule(const struct op *op) {
    const unsigned char protocol = RTPROT_STATIC;
    struct fib_rule_hdr rule = {.family = AF_INET, .action = FR_ACT_TO_TBL};
    begin(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &rule, sizeof rule);
    put_u32(FRA_PRIORITY, op->priority);
    put_u32(FRA_FWMARK, op->mark);
    put_u32(FRA_FWMASK, 0xffffffff);
    put_u32(FRA_TABLE, op->table);
    put(FRA_PROTOCOL, &protocol, sizeof protocol);
    end();
}

static void write_sysctl(const struct op *op) {
    int file = open(op->name, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, op->text, strlen(op->text)) < 0)
        die("%s: %s", op->name, strerror(errno));
    close(file);
}

static void load_ruleset(const struct op *op) {
    extern char **environ;
    char *argv[] = {"nft", "-f", "-", NULL};
    int ends[2], status;
    pid_t child;
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC))
        die("pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    if ((errno = posix_spawnp(&child, "nft", &actions, NULL, argv, environ)))
        die("nft: %s", strerror(errno));
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    for (size_t done = 0; done < op->bytes;) {
        ssize_t size = write(ends[1], op->text + done, op->bytes - done);
        if (size < 0)
            die("nft: %s", strerror(errno));
        done += (size_t)size;
    }
    close(ends[1]);
    if (waitpid(child, &status, 0) < 0 || status)
        die("nft refused a ruleset");
}

static void up(void) {
    for (size_t i = 0; i < op_count; i++) {
        const struct op *op = &ops[i];
        if (op->kind == NS) {
            make_namespace(op);
            continue;
        }
        enter(op->node);
        if (op->kind == SYSCTL || op->kind == NFT) {
            leave(); /* what was gathered comes first: the sysctl may belong to a link made in this batch */
            if (op->kind == SYSCTL)
                write_sysctl(op);
            else
                load_ruleset(op);
            continue;
        }
        need_netlink();
        switch (op->kind) {
        case VETH: add_veth(op); break;
        case UP: set_up(op); break;
        case DELAY: set_delay(op); break;
        case LOOK: look(op); break;
        case ADDR: add_address(op); break;
        case NEIGH: add_neighbour(op); break;
        case ROUTE: add_route(op); break;
        default: add_rule(op); break;
        }
    }
    leave();
}

static void down(void) {
    char path[256];
    for (size_t i = 0; i < op_count; i++) {
        if (ops[i].kind != NS)
            continue;
        snprintf(path, sizeof path, "/run/netns/%s", ops[i].name);
        if (umount2(path, MNT_DETACH) && errno != EINVAL && errno != ENOENT)
            die("umount of %s: %s", path, strerror(errno));
        if (unlink(path) && errno != ENOENT)
            die("%s: %s", path, strerror(errno));
    }
}

int main(int argc, char **argv) {
    struct rlimit files;
    if (argc != 2 || (strcmp(argv[1], "up") && strcmp(argv[1], "down")))
        die("usage: reference up|down < plan");
    read_plan();
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    namespaces = calloc((size_t)node_count, sizeof *namespaces);
    double start = now();
    if (!strcmp(argv[1], "up"))
        up();
    else
        down();
    printf("%.3f\n", now() - start);
    return 0;
}
