/*
 * The yardstick: what building a lab costs when nothing but the kernel's own work is left.
 *
 *   reference up   < plan     make the lab of the plan, print the milliseconds the kernel part took
 *   reference down < plan     remove it (umount and unlink each name), print the milliseconds
 *
 * A plan is written by plan.py, one operation a line; NODE is a namespace's number in this plan, BODY is hexadecimal:
 *
 *   ns NODE NAME TYPE FLAGS BODY            make the namespace NAME, send it the message that marks it, bind its name
 *   msg NODE TYPE FLAGS BODY                a netlink message of vpcemu's, byte for byte
 *   veth NODE TYPE FLAGS BODY PEER OFFSET   the same; at OFFSET of the body goes the descriptor of the namespace PEER
 *   sysctl NODE KEY VALUE                   a file below /proc/sys
 *   nft NODE BYTES                          followed by that many bytes for `nft -f -`
 *
 * The plan is read and unpacked first. Only the kernel's part is timed: messages for one namespace that follow upon one
 * another go out as one batch that asks for one acknowledgement, as vpcemu's do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 200      /* messages sent at once */
#define LONGEST 4096   /* bytes of one message */
#define LAST 1         /* the sequence number of a batch's last message; the others have none */

enum kind { NS, MESSAGE, SYSCTL, NFT };

struct op {
    enum kind kind;
    int node, peer, offset; /* peer: the node whose descriptor goes into the message, or -1 */
    char *name, *text;      /* the namespace; or the file, and what is written to it */
    size_t size;            /* of text, or of message */
    struct nlmsghdr *message;
};

static struct op *ops;
static size_t op_count;
static int *namespaces; /* node -> open file of its namespace */
static int *sockets;    /* node -> netlink socket in it: it stays there, so messages need no visit */
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

static int hex(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

static void unpack(struct op *op, char **type_flags_body) {
    const char *body = type_flags_body[2];
    const size_t length = strlen(body) / 2;
    op->size = NLMSG_ALIGN(NLMSG_LENGTH(length));
    if (op->size > LONGEST || !(op->message = calloc(1, op->size)))
        die("a message of the plan is too long");
    op->message->nlmsg_len = (unsigned)NLMSG_LENGTH(length);
    op->message->nlmsg_type = (unsigned short)atoi(type_flags_body[0]);
    op->message->nlmsg_flags = (unsigned short)(NLM_F_REQUEST | atoi(type_flags_body[1]));
    for (size_t i = 0; i < length; i++)
        ((unsigned char *)NLMSG_DATA(op->message))[i] = (unsigned char)(hex(body[2 * i]) << 4 | hex(body[2 * i + 1]));
}

static void read_operation(char *line) {
    char *field[8] = {0};
    int count = 0;
    for (char *word = strtok(line, " \n"); word && count < 8; word = strtok(NULL, " \n"))
        field[count++] = word;
    if (count < 3)
        die("a line of the plan is too short");
    struct op *op = &ops[op_count++];
    *op = (struct op){.node = atoi(field[1]), .peer = -1};
    if (op->node >= node_count)
        node_count = op->node + 1;
    if (!strcmp(field[0], "ns") && count == 6) {
        op->kind = NS;
        if (asprintf(&op->name, "/run/netns/%s", field[2]) < 0)
            die("out of memory");
        unpack(op, field + 3);
    } else if (!strcmp(field[0], "msg") && count == 5) {
        op->kind = MESSAGE;
        unpack(op, field + 2);
    } else if (!strcmp(field[0], "veth") && count == 7) {
        op->kind = MESSAGE;
        unpack(op, field + 2);
        op->peer = atoi(field[5]);
        op->offset = atoi(field[6]);
    } else if (!strcmp(field[0], "sysctl") && count == 4) {
        op->kind = SYSCTL;
        if (asprintf(&op->name, "/proc/sys/%s", field[2]) < 0)
            die("out of memory");
        op->text = strdup(field[3]);
        op->size = strlen(op->text);
    } else if (!strcmp(field[0], "nft")) {
        op->kind = NFT;
        op->size = strtoul(field[2], NULL, 10);
        op->text = malloc(op->size + 1);
        if (fread(op->text, 1, op->size, stdin) != op->size)
            die("the plan ends in the middle of a ruleset");
    } else {
        die("not an operation: %s", field[0]);
    }
}

static void read_plan(void) {
    char *line = NULL;
    size_t room = 0, capacity = 0;
    while (getline(&line, &room, stdin) > 0) {
        if (op_count == capacity) {
            capacity = capacity ? capacity * 2 : 4096;
            if (!(ops = realloc(ops, capacity * sizeof *ops)))
                die("out of memory");
        }
        read_operation(line);
    }
    free(line);
}

/* ---- netlink ---- */

static char batch[BATCH * LONGEST], reply[1 << 18];
static size_t used;
static int gathered, gathered_for, current = -1; /* current: the node whose namespace this thread is in */
static struct nlmsghdr *last;

/* Send what has been gathered, wait for the acknowledgement of its last message, stop at the first refusal. */
static void flush(void) {
    if (!gathered)
        return;
    last->nlmsg_flags |= NLM_F_ACK;
    last->nlmsg_seq = LAST;
    if (send(sockets[gathered_for], batch, used, 0) < 0)
        die("netlink send: %s", strerror(errno));
    used = 0;
    gathered = 0;
    for (int done = 0; !done;) {
        ssize_t size = recv(sockets[gathered_for], reply, sizeof reply, 0);
        if (size < 0)
            die("netlink receive: %s", strerror(errno));
        for (struct nlmsghdr *m = (void *)reply; NLMSG_OK(m, size); m = NLMSG_NEXT(m, size)) {
            if (m->nlmsg_type != NLMSG_ERROR)
                continue;
            const struct nlmsgerr *error = NLMSG_DATA(m);
            if (error->error)
                die("the kernel refused a message of type %d: %s", error->msg.nlmsg_type, strerror(-error->error));
            done = error->msg.nlmsg_seq == LAST;
        }
    }
}

static void gather(const struct op *op) {
    if (op->node != gathered_for)
        flush();
    gathered_for = op->node;
    last = (void *)(batch + used);
    memcpy(last, op->message, op->size);
    if (op->peer >= 0)
        memcpy((char *)NLMSG_DATA(last) + op->offset, &namespaces[op->peer], sizeof(int));
    used += op->size;
    if (++gathered == BATCH)
        flush();
}

/* ---- the operations ---- */

static void make_namespace(const struct op *op) {
    const int room = 4 << 20; /* answers to a batch of questions are a kilobyte each */
    if (unshare(CLONE_NEWNET))
        die("unshare: %s", strerror(errno));
    current = op->node;
    namespaces[op->node] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    sockets[op->node] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (namespaces[op->node] < 0 || sockets[op->node] < 0)
        die("a new namespace: %s", strerror(errno));
    setsockopt(sockets[op->node], SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    gather(op);
    flush();
    int file = open(op->name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (file < 0)
        die("%s: %s", op->name, strerror(errno));
    close(file);
    if (mount("/proc/thread-self/ns/net", op->name, "none", MS_BIND, NULL))
        die("mount of %s: %s", op->name, strerror(errno));
}

static void write_sysctl(const struct op *op) {
    int file = open(op->name, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, op->text, op->size) < 0)
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
    for (size_t done = 0; done < op->size;) {
        ssize_t size = write(ends[1], op->text + done, op->size - done);
        if (size < 0)
            die("nft: %s", strerror(errno));
        done += (size_t)size;
    }
    close(ends[1]);
    if (waitpid(child, &status, 0) < 0 || status)
        die("nft refused a ruleset");
}

static void up(void) {
    for (const struct op *op = ops; op < ops + op_count; op++) {
        if (op->kind == MESSAGE) {
            gather(op);
            continue;
        }
        flush();
        if (op->kind == NS) {
            make_namespace(op);
            continue;
        }
        if (op->node != current && setns(namespaces[op->node], CLONE_NEWNET))
            die("setns: %s", strerror(errno));
        current = op->node;
        if (op->kind == SYSCTL)
            write_sysctl(op);
        else
            load_ruleset(op);
    }
    flush();
}

static void down(void) {
    for (const struct op *op = ops; op < ops + op_count; op++) {
        if (op->kind != NS)
            continue;
        if (umount2(op->name, MNT_DETACH) && errno != EINVAL && errno != ENOENT)
            die("umount of %s: %s", op->name, strerror(errno));
        if (unlink(op->name) && errno != ENOENT)
            die("%s: %s", op->name, strerror(errno));
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
    namespaces = calloc((size_t)node_count + 1, sizeof *namespaces);
    sockets = calloc((size_t)node_count + 1, sizeof *sockets);
    const double start = now();
    if (!strcmp(argv[1], "up"))
        up();
    else
        down();
    printf("%.3f\n", now() - start);
    return 0;
}
