# A host in a network of its own: `task` hangs on docker0, `metadata` (169.254.169.254) and `stranger` on eth0.
# Run in fresh network and mount namespaces: network.sh NETFILTER SYSCTL PYTHON. Prints one line for each thing tried.
set -euo pipefail
netfilter=$1 settings=$2 python=$3

mount -t tmpfs tmpfs /run
for name in task outside; do ip netns add "$name"; done
inside() { local name=$1; shift; ip netns exec "$name" "$@"; }

sysctl -qp "$settings" 2>/dev/null || true  # docker0 is not there yet
sysctl -qw net.ipv4.ip_forward=1
ip link set lo up
ip link add docker0 type bridge
ip link add eth0 type veth peer name eth0 netns outside
ip link add veth1 type veth peer name eth0 netns task
ip link set veth1 master docker0
for name in docker0 veth1 eth0; do ip link set "$name" up; done
ip address add 172.17.0.1/16 dev docker0
ip address add 10.0.0.10/24 dev eth0
inside task ip address add 172.17.0.2/16 dev eth0
inside outside ip address add 10.0.0.1/24 dev eth0
inside outside ip address add 169.254.169.254/32 dev lo
for name in task outside; do inside "$name" ip link set lo up; inside "$name" ip link set eth0 up; done
inside task ip route add default via 172.17.0.1
inside outside ip route add default via 10.0.0.10
# A neighbour may send what it likes to 127.0.0.1, once it has none of its own.
inside outside ip address del 127.0.0.1/8 dev lo
inside outside ip route add 127.0.0.1/32 via 10.0.0.10
inside outside sysctl -qw net.ipv4.conf.all.route_localnet=1
ip route add default via 10.0.0.1
# What Docker makes.
iptables -w -N DOCKER-USER
iptables -w -A DOCKER-USER -j RETURN
iptables -w -I FORWARD -j DOCKER-USER

serve() { "$python" -c '
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    one, _ = listener.accept()
    one.sendall(sys.argv[3].encode())
    one.close()
' "$@" & }
serve 127.0.0.1 51679 credentials
serve 0.0.0.0 51678 introspection
serve 127.0.0.1 9000 loopback
ip netns exec outside "$python" -c '
import socket
listener = socket.create_server(("169.254.169.254", 80))
while True:
    one, _ = listener.accept()
    one.sendall(b"metadata")
    one.close()
' &
trap 'kill $(jobs -p)' EXIT

try() {  # try LABEL NAMESPACE ADDRESS PORT
  local run=() said
  [ "$2" = host ] || run=(ip netns exec "$2")
  said=$("${run[@]}" "$python" -c '
import socket, sys, time
for _ in range(400):
    try:
        one = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.4)
        one.settimeout(20)  # the kernel connects at once; a busy machine may be slow to answer
        print(one.recv(100).decode())
        break
    except ConnectionRefusedError:
        time.sleep(0.05)
    except OSError:
        print("nothing")
        break
' "$3" "$4")
  echo "$1: $said"
}

try_all() {
  try "$1 host credentials" host 169.254.170.2 80
  try "$1 task credentials" task 169.254.170.2 80
  try "$1 host metadata" host 169.254.169.254 80
  try "$1 task metadata" task 169.254.169.254 80
  try "$1 host introspection" host 127.0.0.1 51678
  try "$1 task introspection" task 172.17.0.1 51678
  try "$1 stranger introspection" outside 10.0.0.10 51678
  try "$1 stranger loopback" outside 127.0.0.1 9000
}

try_all before,
bash "$netfilter"
once=$(iptables-save | grep -v '^[#:]')
bash "$netfilter"
[ "$once" = "$(iptables-save | grep -v '^[#:]')" ] && echo "a second time: the same rules"
try_all after,
