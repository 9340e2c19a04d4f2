/*
 * One flow between two namespaces, as fast as it goes.
 *
 *   traffic tcp FROM TO IP PORT SECONDS          prints bits per second that arrived, and bits per second of processor
 *   traffic udp FROM TO IP PORT SECONDS [SIZE]   the same in packets
 *
 * The second figure counts the processor time of both ends, from start to end, the way between them included. It says
 * what the way costs even while others use the machine; the first then says how much of the machine was left.
 *
 * FROM and TO are names in /run/netns. The receiver is pinned to the last processor and the sender to the first: the
 * kernel forwards in the sender's context, so the sender's processor pays for every hop of the way.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 0.3
#define MESSAGES 64

static char buffer[1 << 17];

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double processor(int whose) {
    struct rusage used;
    getrusage(whose, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void enter(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || setns(file, CLONE_NEWNET))
        die(path);
    close(file);
}

static void pin(int last) {
    cpu_set_t all, one;
    int chosen = -1;
    if (sched_getaffinity(0, sizeof all, &all))
        return;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &all) && (last || chosen < 0))
            chosen = i;
    CPU_ZERO(&one);
    CPU_SET(chosen, &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* Bits or packets per second between warm-up and end, and all of them since the start. */
struct count {
    double rate, all;
};

static struct count receive_tcp(int listener, double seconds) {
    int peer = accept(listener, NULL, NULL);
    long long bytes = 0, all = 0;
    double start = 0, first = now(), time = first;
    if (peer < 0)
        die("accept");
    for (;;) {
        ssize_t size = recv(peer, buffer, sizeof buffer, 0);
        if (size <= 0)
            die("the connection ended early");
        time = now();
        all += size;
        if (start > 0)
            bytes += size;
        else if (time - first > WARM_UP)
            start = time;
        if (start > 0 && time - start >= seconds)
            break;
    }
    return (struct count){(double)bytes * 8 / (time - start), (double)all * 8};
}

static struct count receive_udp(int inbox, double seconds) {
    static char room[MESSAGES][2048];
    struct mmsghdr messages[MESSAGES];
    struct iovec parts[MESSAGES];
    long long packets = 0, all = 0;
    double start = 0, first = 0, time = 0;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < MESSAGES; i++) {
        parts[i] = (struct iovec){room[i], sizeof room[i]};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        int count = recvmmsg(inbox, messages, MESSAGES, MSG_WAITFORONE, NULL);
        if (count <= 0)
            die("nothing arrived");
        time = now();
        if (first == 0)
            first = time;
        all += count;
        if (start > 0)
            packets += count;
        else if (time - first > WARM_UP)
            start = time;
        if (start > 0 && time - start >= seconds)
            break;
    }
    return (struct count){(double)packets / (time - start), (double)all};
}

int main(int argc, char **argv) {
    if (argc < 7)
        return fputs("usage: traffic tcp|udp FROM TO IP PORT SECONDS [SIZE]\n", stderr), 2;
    const int stream = !strcmp(argv[1], "tcp"), size = argc > 7 ? atoi(argv[7]) : 18, room = 8 << 20, on = 1;
    const double seconds = atof(argv[6]);
    const struct timeval patience = {.tv_sec = 5};
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[5]))};
    struct sockaddr_in there = here;
    int status = 1;
    if (inet_pton(AF_INET, argv[4], &there.sin_addr) != 1)
        die(argv[4]);
    enter(argv[3]);
    int listener = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!stream)
        setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (bind(listener, (void *)&here, sizeof here) || (stream && listen(listener, 1)))
        die("listen");
    pid_t sender = fork();
    if (sender == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        enter(argv[2]);
        pin(0);
        int out = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
        if (connect(out, (void *)&there, sizeof there))
            die("connect");
        for (;;)
            if (send(out, buffer, stream ? sizeof buffer : (size_t)size, 0) < 0 && errno != ENOBUFS)
                _exit(0);
    }
    pin(1);
    signal(SIGPIPE, SIG_IGN);
    const struct count got = stream ? receive_tcp(listener, seconds) : receive_udp(listener, seconds);
    kill(sender, SIGKILL);
    waitpid(sender, &status, 0);
    printf("%.0f %.0f\n", got.rate, got.all / (processor(RUSAGE_SELF) + processor(RUSAGE_CHILDREN)));
    return 0;
}
