# What a verdict may look at of objects and events, a line each, and nothing else.
def present: with_entries(select(.value != null and .value != []));
def container: with_entries(select(.key | IN("name", "image", "restartPolicy") or endswith("Probe")));
def pod: {restartPolicy, initContainers: ((.initContainers // []) | map(container)), containers: (.containers | map(container))} | present;
def spec:
  if .kind == "Pod" then .spec | pod
  elif .kind == "Job" then .spec | {backoffLimit, template: {spec: (.template.spec | pod)}}
  else .spec | {replicas} end;
def without_ids: del(.containerID, .imageID, .resources, .allocatedResources, .volumeMounts, .user)
  | with_entries(if .key | IN("state", "lastState") then .value |= map_values(del(.containerID)) else . end);
def status: .status
  | del(.hostIP, .hostIPs, .podIP, .podIPs, .qosClass, .resources)
  | (.conditions // empty) |= map(select(.type | IN("Initialized", "ContainersReady", "PodReadyToStartContainers") | not)
      | {type, status, reason, message} | present)
  | (.containerStatuses // empty) |= map(without_ids)
  | (.initContainerStatuses // empty) |= map(without_ids);

.items[]
| if .kind == "Event" then
    select(.involvedObject.kind == "Pod")
    | {event: {involvedObject: (.involvedObject | {name, fieldPath} | present), reason, message, type, count,
        firstTimestamp, lastTimestamp}}
  else
    select(.metadata.namespace | startswith("recorded"))
    | {$at, $time, object: {kind, metadata: (.metadata | {name, uid, generation, creationTimestamp, deletionTimestamp,
        labels, ownerReferences} | present), spec: spec, status: status}}
  end
