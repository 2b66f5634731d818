# slurm-cluster.sh - a real cluster of one node on loopback: slurmctld and slurmd of one's own, without installation, root
# or accounting.  Sourced after lib.sh; its files are in $tmp/cluster, its jobs are those of $SLURM_CONF.

cluster=$tmp/cluster
trap 'cluster_stop; rm -rf "$tmp"' EXIT

# Debian has the daemons in /usr/sbin, which is not on everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
# What a user's shell may have set for another cluster.
for variable in $(compgen -v | grep -E '^(SLURM|SBATCH|SQUEUE|SCONTROL|SCANCEL|SINFO)_'); do unset "$variable"; done

skip () { echo "SKIP: $*"; exit 77; }

# until_ SECONDS COMMAND...: wait for a state; what is waited for is looked at, not guessed from the clock.
until_ () {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    test $SECONDS -lt $end || { fail "still not: $*"; return 1; }
    sleep 0.05
  done
}

# cluster_configure MAX_ARRAY_SIZE: needs slurmctld, slurmd and python3, which finds two free ports.
cluster_configure () {
  local user host ports
  for needed in slurmctld slurmd sbatch squeue scontrol scancel python3; do
    command -v $needed > /dev/null || skip "no $needed (Debian: slurm-wlm)"
  done
  user=$(id -un 2> /dev/null) || skip "this account has no name, and Slurm wants one"
  host=$(hostname -s)
  ports=$(python3 -c '
import socket
a, b = socket.socket(), socket.socket()
a.bind(("127.0.0.1", 0)); b.bind(("127.0.0.1", 0))
print(a.getsockname()[1], b.getsockname()[1])')
  mkdir -p "$cluster/state" "$cluster/spool"
  cat > "$cluster/slurm.conf" <<END
ClusterName=pauserec
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=${ports% *}
SlurmdPort=${ports#* }
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
MaxArraySize=$1
KillWait=5
SchedulerParameters=defer,sched_interval=1,batch_sched_delay=0,sched_min_interval=0
NodeName=$host NodeAddr=127.0.0.1 CPUs=6 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
  export SLURM_CONF=$cluster/slurm.conf
}

controller_answers () { squeue --noheader > /dev/null 2>&1; }
node_is_up () { sinfo --noheader --format=%t 2> /dev/null | grep -qE '^(idle|mix|alloc|comp)$'; }

controller_start () {
  slurmctld -D > "$cluster/slurmctld.out" 2>&1 < /dev/null &
  controller=$!
  until_ 30 controller_answers
}
node_start () {
  slurmd -D > "$cluster/slurmd.out" 2>&1 < /dev/null &
  node=$!
  until_ 30 node_is_up
}

cluster_start () {
  controller_start && node_start && return
  tail -n 20 "$cluster"/*.log "$cluster"/*.out
  skip "slurmctld and slurmd cannot run here"
}

# Everything that was started with this configuration, its jobs included.
cluster_stop () {
  local environ
  test -n "${controller:-}" || return 0
  kill -9 "$controller" ${node:-} 2> /dev/null
  wait "$controller" ${node:-} 2> /dev/null
  for environ in /proc/[0-9]*/environ; do
    { grep -qzxF "SLURM_CONF=$cluster/slurm.conf" "$environ" && kill -9 "$(basename "$(dirname "$environ")")"; } 2> /dev/null
  done
  controller=
}
