/* A hostile custom runtime: takes {"attack": NAME, "number": N, "text": "…"} and answers {"won": …} or {"lost": …}. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char won[4096]; /* what an attack has gained; empty when it failed */
static long number;
static char text[1024];

#define WON(...) snprintf(won, sizeof won, __VA_ARGS__)

/* In a child, whose state may be ruined: the attack succeeds when it returns 0 or more. */
static void in_child(int (*attempt)(void)) {
    int pipe_[2], status;
    if (pipe(pipe_)) return;
    pid_t pid = fork();
    if (pid == 0) {
        int result = attempt() < 0 ? errno : 0;
        write(pipe_[1], &result, sizeof result);
        _exit(0);
    }
    int result = EINTR;
    close(pipe_[1]);
    if (read(pipe_[0], &result, sizeof result) != sizeof result) result = EINTR;
    close(pipe_[0]);
    waitpid(pid, &status, 0);
    errno = result;
    if (result == 0) WON("it worked");
}

static void opened(const char *path, int flags) {
    int fd = open(path, flags);
    if (fd >= 0) {
        WON("%s is open", path);
        close(fd);
    }
}

static void got(long fd) {
    if (fd >= 0) {
        WON("descriptor %ld", fd);
        close(fd);
    }
}

/* --- mounts and namespaces */

static void do_mount(void) {
    if (mount("none", "/mnt", "tmpfs", 0, "") == 0) {
        WON("mounted");
        umount2("/mnt", MNT_DETACH);
    }
}
static void do_fsopen(void) { got(syscall(SYS_fsopen, "tmpfs", 0)); }
static void do_open_tree(void) { got(syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE)); }
static int unshare_user(void) { return unshare(CLONE_NEWUSER); }
static void do_unshare(void) { in_child(unshare_user); }
static int enter_own_network(void) {
    int fd = open("/proc/self/ns/net", O_RDONLY);
    return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}
static void do_setns(void) { in_child(enter_own_network); }
static int change_root(void) { return chroot("/tmp"); }
static void do_chroot(void) { in_child(change_root); }
static void cloned(long pid) {
    if (pid == 0) _exit(0);
    if (pid > 0) {
        WON("a process in a user namespace of its own");
        waitpid(pid, NULL, 0);
    }
}
static void do_clone(void) { cloned(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }
static void do_clone3(void) {
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    cloned(syscall(SYS_clone3, &args, sizeof args));
}

/* --- other processes */

static int seize_first(void) { return ptrace(PTRACE_SEIZE, 1, 0, 0); }
static void do_ptrace_agent(void) { in_child(seize_first); }
static unsigned long first_address(long pid) {
    char path[64];
    unsigned long address = 0;
    snprintf(path, sizeof path, "/proc/%ld/maps", pid);
    FILE *maps = fopen(path, "r");
    if (maps != NULL) {
        if (fscanf(maps, "%lx", &address) != 1) address = 0;
        fclose(maps);
    }
    return address;
}
static void read_memory(long pid) {
    char stolen[4];
    unsigned long address = first_address(pid);
    if (address == 0) return;
    struct iovec ours = {stolen, sizeof stolen}, theirs = {(void *)address, sizeof stolen};
    if (process_vm_readv(pid, &ours, 1, &theirs, 1, 0) == sizeof stolen) WON("%.3s of process %ld", stolen + 1, pid);
}
static void do_agent_memory(void) { read_memory(1); }
static void do_process_memory(void) { read_memory(number); }
static void do_steal_descriptor(void) {
    long pidfd = syscall(SYS_pidfd_open, 1, 0);
    for (int n = 0; n < 32 && pidfd >= 0; n++) {
        int kind = 0;
        socklen_t size = sizeof kind;
        long fd = syscall(SYS_pidfd_getfd, pidfd, n, 0);
        if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 && kind == SOCK_SEQPACKET)
            WON("the agent's control socket");
        if (fd >= 0) close(fd);
    }
    if (pidfd >= 0) close(pidfd);
}
static void do_kill_agent(void) {
    if (kill(getppid(), SIGKILL) == 0 && getppid() != 1) WON("sent");
    errno = EPERM;
}
static void do_signal(void) {
    if (kill(number, 0) == 0) WON("process %ld can be signalled", number);
}

/* --- kernel machinery */

static void do_userfaultfd(void) { got(syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */)); }
static void do_bpf(void) {
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    got(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}
static void do_perf(void) {
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1};
    got(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}
static void do_io_uring(void) {
    struct io_uring_params params = {0};
    got(syscall(SYS_io_uring_setup, 4, &params));
}
static void do_add_key(void) {
    if (syscall(SYS_add_key, "user", "attack", "x", 1, KEY_SPEC_PROCESS_KEYRING) >= 0) WON("a key is kept");
}
static void do_find_key(void) {
    char secret[16] = "";
    long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "lambent-canary", 0);
    if (key >= 0 && syscall(SYS_keyctl, KEYCTL_READ, key, secret, sizeof secret - 1) > 0) WON("%s", secret);
}
static void do_personality(void) {
    if (syscall(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */) >= 0) {
        WON("addresses are not random any more");
        syscall(SYS_personality, 0);
    }
}
/* Files by their inode, whatever is mounted where ("shocker"). */
static void do_open_by_handle(void) {
    struct {
        struct file_handle head;
        unsigned words[2];
    } handle = {.head = {.handle_bytes = 8, .handle_type = 1}, .words = {2, 0}}; /* ext4's root folder */
    int mounted = open("/usr", O_RDONLY);
    got(syscall(SYS_open_by_handle_at, mounted, &handle, O_RDONLY));
    int error = errno;
    close(mounted);
    errno = error;
}
#ifdef __x86_64__
/* The 32-bit face of the kernel has other numbers, which a filter of the 64-bit ones would let pass. */
static int getpid_of_i386(void) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    if (result < 0) errno = -result;
    return result;
}
#else
static int getpid_of_i386(void) { errno = ENOSYS; return -1; }
#endif
static void do_i386(void) { in_child(getpid_of_i386); }

/* --- sockets */

static void do_raw_socket(void) { got(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }
static void do_packet_socket(void) { got(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL))); }
static void do_uevent_socket(void) { got(socket(AF_NETLINK, SOCK_RAW, 15 /* NETLINK_KOBJECT_UEVENT */)); }
static void do_vsock(void) { got(socket(AF_VSOCK, SOCK_STREAM, 0)); }

/* --- the file system */

static void do_open_to_write(void) { opened(text, O_WRONLY); }
static void do_open_to_read(void) { opened(text, O_RDONLY); }
static void do_device(void) {
    unlink("/tmp/kmsg");
    if (mknod("/tmp/kmsg", S_IFCHR | 0666, makedev(1, 11)) == 0) opened("/tmp/kmsg", O_RDONLY | O_NONBLOCK);
}
static void do_become_root(void) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/var/task/whoami", "whoami", "--whoami", NULL);
        _exit(2);
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) WON("root");
    errno = EPERM;
}
static int type_into_terminal(void) {
    int locked = 0, terminal, number_;
    char path[32];
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (master < 0 || ioctl(master, TIOCSPTLCK, &locked) || ioctl(master, TIOCGPTN, &number_)) return -1;
    snprintf(path, sizeof path, "/dev/pts/%d", number_);
    setsid();
    terminal = open(path, O_RDWR);
    return terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) ? -1 : ioctl(terminal, TIOCSTI, "x");
}
static void do_tiocsti(void) { in_child(type_into_terminal); }

/* --- taking too much */

static void do_fork_bomb(void) {
    long made = 0;
    int release[2];
    pid_t *children = calloc(number, sizeof *children);
    if (pipe(release)) return;
    for (; made < number; made++) {
        char byte;
        if ((children[made] = fork()) == 0) {
            close(release[1]);
            _exit((int)read(release[0], &byte, 1));
        }
        if (children[made] < 0) break;
    }
    int error = errno;
    close(release[1]);
    close(release[0]);
    for (long n = 0; n < made; n++) waitpid(children[n], NULL, 0);
    free(children);
    errno = error;
    if (made == number) WON("%ld processes at once", made);
}
static void do_memory_of_children(void) {
    long alive = 0;
    int status;
    for (int n = 0; n < 5; n++)
        if (fork() == 0) {
            char *hoard = malloc(number << 20);
            for (long at = 0; at < number << 20; at += 4096) hoard[at] = 1;
            usleep(300000); /* while the others take theirs */
            _exit(hoard[4096] == 1 ? 0 : 1);
        }
    while (wait(&status) > 0) alive += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (alive == 5) WON("5 times %ld MB", number);
    errno = ENOMEM;
}
static void do_memfd(void) {
    static char block[1 << 20];
    int fd = memfd_create("hoard", 0);
    memset(block, 1, sizeof block);
    for (long n = 0; n < number; n++)
        if (write(fd, block, sizeof block) != sizeof block) {
            close(fd);
            return;
        }
    close(fd);
    WON("%ld MB in a memfd", number);
}
static void do_hoard_inotify(void) {
    while (inotify_init1(0) >= 0) continue;
    WON("all of this user's");
}
static void do_inotify(void) { got(inotify_init1(0)); }

/* --- the runtime */

static const struct {
    const char *name;
    void (*attempt)(void);
} attacks[] = {
#define A(name) {#name, do_##name}
    A(mount), A(fsopen), A(open_tree), A(unshare), A(setns), A(chroot), A(clone), A(clone3),
    A(ptrace_agent), A(agent_memory), A(process_memory), A(steal_descriptor), A(kill_agent), A(signal),
    A(userfaultfd), A(bpf), A(perf), A(io_uring), A(add_key), A(find_key), A(personality), A(open_by_handle), A(i386),
    A(raw_socket), A(packet_socket), A(uevent_socket), A(vsock),
    A(open_to_write), A(open_to_read), A(device), A(become_root), A(tiocsti),
    A(fork_bomb), A(memory_of_children), A(memfd), A(hoard_inotify), A(inotify),
};

static const char *run(const char *event) {
    static char answer[8192];
    char name[64] = "";
    const char *at;
    if ((at = strstr(event, "\"attack\": \""))) sscanf(at + 11, "%63[^\"]", name);
    number = (at = strstr(event, "\"number\": ")) ? atol(at + 10) : 0;
    text[0] = 0;
    if ((at = strstr(event, "\"text\": \""))) sscanf(at + 9, "%1023[^\"]", text);
    for (size_t n = 0; n < sizeof attacks / sizeof *attacks; n++)
        if (strcmp(attacks[n].name, name) == 0) {
            won[0] = 0;
            errno = 0;
            attacks[n].attempt();
            if (won[0]) snprintf(answer, sizeof answer, "{\"won\": \"%s\"}", won);
            else snprintf(answer, sizeof answer, "{\"lost\": \"%s\"}", strerror(errno));
            return answer;
        }
    return "{\"unknown\": true}";
}

static void send_all(int fd, const char *data, size_t size) {
    for (ssize_t sent; size > 0; data += sent, size -= sent)
        if ((sent = write(fd, data, size)) <= 0) _exit(9);
}

/* One HTTP answer: its head and body, in `buffer`. */
static char *receive(int fd, char *buffer, size_t room) {
    size_t size = 0;
    char *body = NULL, *length = NULL;
    while (body == NULL || size < (size_t)(body - buffer) + atol(length)) {
        ssize_t more = read(fd, buffer + size, room - size - 1);
        if (more <= 0) _exit(8);
        buffer[size += more] = 0;
        if (body == NULL && (body = strstr(buffer, "\r\n\r\n"))) {
            body += 4;
            length = strcasestr(buffer, "content-length: ") + 16;
        }
    }
    return body;
}

int main(int argc, char **argv) {
    static char buffer[65536], request[16384];
    if (argc > 1 && strcmp(argv[1], "--whoami") == 0) return geteuid() == 0 ? 0 : 1;
    struct sockaddr_in api = {.sin_family = AF_INET, .sin_port = htons(9001), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&api, sizeof api)) return 7;
    for (;;) {
        const char *next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n";
        char id[64];
        send_all(fd, next, strlen(next));
        char *event = receive(fd, buffer, sizeof buffer);
        sscanf(strcasestr(buffer, "lambda-runtime-aws-request-id: ") + 31, "%63[^\r]", id);
        const char *answer = run(event);
        int size = snprintf(request, sizeof request,
            "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", id,
            strlen(answer), answer);
        send_all(fd, request, size);
        receive(fd, buffer, sizeof buffer);
    }
}
