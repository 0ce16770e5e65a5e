/* A custom runtime that returns its event: the Runtime API on one kept connection, opened again when the server has
   closed it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM (7 * 1024 * 1024)

static char got[ROOM];
static char host[256];
static int connection = -1;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void ensure_connected(void) {
    if (connection >= 0) return;
    char name[256];
    snprintf(name, sizeof name, "%s", host);
    char *colon = strchr(name, ':');
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(colon ? atoi(colon + 1) : 80)};
    if (colon) *colon = 0;
    if (strcmp(name, "localhost") == 0) strcpy(name, "127.0.0.1");
    if (inet_pton(AF_INET, name, &address.sin_addr) != 1) fail("AWS_LAMBDA_RUNTIME_API");
    connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address)) fail("connect");
    int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void send_all(const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(connection, data, size, MSG_NOSIGNAL);
        if (sent <= 0) fail("send");
        data += sent;
        size -= sent;
    }
}

/* The value of a header of the response in `got`, or "". */
static void header(const char *name, char *value, size_t size) {
    size_t length = strlen(name);
    value[0] = 0;
    for (char *line = strstr(got, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            char *begin = line + 3 + length;
            while (*begin == ' ') begin++;
            size_t many = strcspn(begin, "\r");
            snprintf(value, size, "%.*s", (int)many, begin);
            return;
        }
    }
}

/* Read one response into `got`; where its body begins, and its length. */
static char *receive(size_t *length) {
    size_t have = 0;
    char *end = NULL, value[64];
    size_t needed = 0;
    while (!end || have < needed) {
        ssize_t received = recv(connection, got + have, ROOM - 1 - have, 0);
        if (received <= 0) fail("recv");
        have += received;
        got[have] = 0;
        if (!end && (end = strstr(got, "\r\n\r\n"))) {
            header("Content-Length", value, sizeof value);
            *length = strtoul(value, NULL, 10);
            needed = (end + 4 - got) + *length;
        }
    }
    header("Connection", value, sizeof value);
    if (strcasecmp(value, "close") == 0) {
        close(connection);
        connection = -1;
    }
    return end + 4;
}

int main(void) {
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    snprintf(host, sizeof host, "%s", api ? api : "127.0.0.1:9001");
    static char request[ROOM + 1024];
    for (;;) {
        size_t length;
        char id[128];
        ensure_connected();
        int size = snprintf(request, 1024, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", host);
        send_all(request, size);
        char *event = receive(&length);
        header("Lambda-Runtime-Aws-Request-Id", id, sizeof id);
        size = snprintf(request, 1024,
                        "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", id, host, length);
        memcpy(request + size, event, length);
        ensure_connected();
        send_all(request, size + length);
        receive(&length);
    }
}
