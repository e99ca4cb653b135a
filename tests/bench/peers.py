"""Other caching proxies, each as its users would tune it: a cache in memory, keep-alive to the origin, no access log,
and concurrent misses of one key collapsed where it can do that.
"""

import contextlib
import os
import resource
import signal
from pathlib import Path

from servers import Process, free_port
from wire import Connection, wait_until

CACHE_MIB = 512  # so that each can keep 100,000 objects of 1 KiB
HARD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
OPEN_FILES = 1 << 20 if HARD_LIMIT == resource.RLIM_INFINITY else min(HARD_LIMIT, 1 << 20)


class Peer(Process):
    """On a free port; configured in a folder of its own, which is in memory where the machine has such a place."""

    packages = ""  # a group of deploy/packages
    files = None  # the folder where it keeps content outside its own memory

    def __init__(self, folder, origin_port, workers=1):
        self.home = Path(folder) / type(self).__name__.lower()
        self.home.mkdir()
        for last in (False, False, True):
            self.port = free_port()
            command = self.configure(origin_port, workers)
            try:
                return super().__init__(self.home.name, self.home, command)
            except AssertionError:  # the port may have been taken meanwhile
                if last:
                    raise

    def configure(self, origin_port, workers):
        """Writes the files; the command."""
        raise NotImplementedError

    def await_ready(self):
        def answers():
            assert self.is_running(), self.log_tail()
            with contextlib.suppress(OSError):
                Connection(self.port).socket.close()
                return True

        wait_until(answers, f"{self.name} listens")

    def write(self, name, text):
        file = self.home / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file


class Nginx(Peer):
    packages = "bench-nginx"
    stop_signal = signal.SIGQUIT

    def configure(self, origin_port, workers):
        user = "user root;" if os.geteuid() == 0 else ""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temp = " ".join(f"{kind}_temp_path {self.home}/temp-{kind};" for kind in kinds)
        self.files = self.home / "cache"
        config = self.write(
            "nginx.conf",
            f"""daemon off; {user} worker_processes {workers}; pid {self.home}/pid; error_log stderr;
            worker_rlimit_nofile {OPEN_FILES};
            events {{ worker_connections 4096; }}
            http {{
                access_log off; {temp}
                sendfile on; tcp_nopush on; keepalive_requests 1000000000; server_tokens off;
                open_file_cache max={min(OPEN_FILES // 2, 200_000)} inactive=10m; open_file_cache_valid 10m;
                proxy_cache_path {self.files} levels=1:2 keys_zone=bench:64m max_size={CACHE_MIB}m inactive=1h
                    use_temp_path=off;
                upstream origin {{ server 127.0.0.1:{origin_port}; keepalive 128; keepalive_requests 1000000000; }}
                server {{
                    listen 127.0.0.1:{self.port} reuseport;
                    location / {{
                        proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
                        proxy_cache bench; proxy_cache_key $scheme$host$request_uri; proxy_cache_lock on;
                        add_header X-Cache-Status $upstream_cache_status;
                    }}
                }}
            }}""",
        )
        return ["nginx", "-e", "stderr", "-c", config]


class Haproxy(Peer):
    packages = "bench-haproxy"

    def configure(self, origin_port, workers):
        config = self.write(
            "haproxy.cfg",
            f"""global
    nbthread {workers}
    maxconn 4000
cache bench
    total-max-size {CACHE_MIB}
    max-object-size 1048576
    max-age 3600
defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    http-reuse always
frontend clients
    bind 127.0.0.1:{self.port}
    http-request cache-use bench
    http-response cache-store bench
    http-response set-header X-Cache HIT if !{{ srv_id -m found }}
    http-response set-header X-Cache MISS if {{ srv_id -m found }}
    default_backend origin
backend origin
    server origin 127.0.0.1:{origin_port} pool-max-conn 1000
""",
        )
        return ["haproxy", "-db", "-f", config]


class Trafficserver(Peer):
    packages = "bench-trafficserver"

    def configure(self, origin_port, workers):
        for name in ("etc", "log", "run", "cache"):
            (self.home / name).mkdir(exist_ok=True)
        places = {
            "prefix": "/usr",
            "exec_prefix": "/usr",
            "bindir": "/usr/bin",
            "sbindir": "/usr/sbin",
            "includedir": "/usr/include",
            "libdir": "/usr/lib/trafficserver",
            "libexecdir": "/usr/lib/trafficserver/modules",
            "sysconfdir": self.home / "etc",
            "logdir": self.home / "log",
            "runtimedir": self.home / "run",
            "localstatedir": self.home / "run",
            "cachedir": self.home / "cache",
            "datadir": self.home / "cache",
        }
        root = self.write("runroot.yaml", "".join(f"{name}: {path}\n" for name, path in places.items()))
        settings = {
            "http.server_ports": f"STRING {self.port}:ip-in=127.0.0.1",
            "exec_thread.autoconfig": "INT 0",
            "exec_thread.limit": f"INT {workers}",
            "admin.user_id": "STRING #-1",  # as it was started
            "crash_log_helper": "STRING NULL",
            "log.logging_enabled": "INT 0",
            "diags.output.status": "STRING E",
            "cache.ram_cache.size": f"INT {CACHE_MIB << 20}",
            "url_remap.pristine_host_hdr": "INT 1",
            # requests for what is being fetched read it as it comes, and wait for its header meanwhile
            "cache.enable_read_while_writer": "INT 1",
            "http.background_fill_active_timeout": "INT 0",
            "http.background_fill_completed_threshold": "FLOAT 0.0",
            "http.cache.max_open_read_retries": "INT 60",
            "http.cache.open_read_retry_time": "INT 10",
            "http.cache.max_open_write_retries": "INT 60",
            "http.cache.open_write_fail_action": "INT 5",
        }
        lines = [f"CONFIG proxy.config.{key} {value}\n" for key, value in settings.items()]
        self.write("etc/records.config", "".join(lines))
        self.write("etc/remap.config", f"map / http://127.0.0.1:{origin_port}/\n")
        self.write("etc/storage.config", f"{self.home / 'cache'} {CACHE_MIB}M\n")
        self.write("etc/ip_allow.yaml", "ip_allow: [{apply: in, ip_addrs: 127.0.0.1, action: allow, methods: ALL}]\n")
        self.write("etc/plugin.config", "")
        return ["traffic_server", f"--run-root={root}"]


class Varnish(Peer):
    packages = "bench-varnish"

    def configure(self, origin_port, workers):
        vcl = self.write(
            "bench.vcl",
            f"""vcl 4.1;
            backend origin {{ .host = "127.0.0.1"; .port = "{origin_port}"; }}
            sub vcl_deliver {{
                if (obj.hits > 0) {{ set resp.http.X-Cache = "HIT"; }} else {{ set resp.http.X-Cache = "MISS"; }}
            }}""",
        )
        threads = ["-p", "thread_pool_min=300", "-p", "thread_pool_max=1000", "-p", "thread_pools=1"]
        return ["varnishd", "-F", "-j", "none", "-n", self.home / "work", "-T", "none", "-f", vcl, *threads,
                "-a", f"127.0.0.1:{self.port},HTTP", "-s", f"malloc,{CACHE_MIB}m"]  # fmt: skip


PEERS = {peer.__name__.lower(): peer for peer in (Nginx, Haproxy, Trafficserver, Varnish)}
