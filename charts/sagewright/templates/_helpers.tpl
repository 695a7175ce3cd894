{{/* The application's name, as a label has it. */}}
{{- define "sagewright.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What this release's objects are called; room is left for what stands behind it. */}}
{{- define "sagewright.fullname" -}}
{{- $name := include "sagewright.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- end -}}

{{- define "sagewright.selector" -}}
app.kubernetes.io/name: {{ include "sagewright.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "sagewright.labels" -}}
{{ include "sagewright.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The metadata of an object in the release's namespace; takes (list . name). */}}
{{- define "sagewright.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "sagewright.labels" $root | nindent 2 }}
{{- end -}}

{{- define "sagewright.serviceAccount" -}}
{{- default (ternary (include "sagewright.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* ACK's image does not hold this controller. */}}
{{- define "sagewright.image" -}}
{{- $theirs := hasPrefix "public.ecr.aws/aws-controllers-k8s/" .Values.image.repository -}}
{{- $repository := ternary "sagewright" .Values.image.repository $theirs -}}
{{- $tag := ternary "" .Values.image.tag $theirs | default .Chart.AppVersion -}}
{{- printf "%s:%s" $repository (toString $tag) -}}
{{- end -}}

{{/* The namespaces that are watched, as JSON; none for all. */}}
{{- define "sagewright.namespaces" -}}
{{- $watched := list -}}
{{- if eq .Values.installScope "namespace" -}}
{{- range splitList "," (default .Release.Namespace .Values.watchNamespace) -}}
{{- with trim . }}{{ $watched = append $watched . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $watched -}}
{{- end -}}

{{/* Whether one of several controllers is elected: "true" or nothing. */}}
{{- define "sagewright.elected" -}}
{{- if or .Values.leaderElection.enabled (gt (int .Values.deployment.replicas) 1) -}}true{{- end -}}
{{- end -}}

{{- define "sagewright.subject" -}}
- kind: ServiceAccount
  name: {{ include "sagewright.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* The metadata of a role or of its binding; takes (list . name). */}}
{{- define "sagewright.roleMetadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
labels:
  {{- include "sagewright.labels" $root | nindent 2 }}
  {{- with $root.Values.role.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What the controller does in the namespaces that it watches. */}}
{{- define "sagewright.rules" -}}
{{- $verbs := list "get" "list" "watch" "patch" -}}
{{- /* An AdoptedResource has an object made, which takes the resource over. */}}
{{- if .Values.featureGates.ResourceAdoption }}{{ $verbs = prepend $verbs "create" }}{{ end }}
{{- $companions := list }}
{{- if .Values.featureGates.ResourceAdoption }}{{ $companions = append $companions "adoptedresources" }}{{ end }}
{{- if .Values.enableFieldExport }}{{ $companions = append $companions "fieldexports" }}{{ end }}
{{- range $group, $resources := .Files.Get "files/resources.yaml" | fromYaml }}
- apiGroups: [{{ $group }}]
  resources: [{{ join ", " $resources }}]
  verbs: [{{ join ", " $verbs }}]
- apiGroups: [{{ $group }}]
  resources: [{{ join "/status, " $resources }}/status]
  verbs: [patch]
{{- end }}
{{- if .Values.legacyKinds }}
# The legacy operator's kinds, and the objects that are their children.
- apiGroups: [sagemaker.aws.amazon.com]
  resources: [{{ join ", " (include "sagewright.legacyKinds" . | fromJsonArray) }}]
  verbs: [get, list, watch, patch]
- apiGroups: [sagemaker.aws.amazon.com]
  resources: [{{ join "/status, " (include "sagewright.legacyKinds" . | fromJsonArray) }}/status]
  verbs: [patch]
# Training jobs of tuning jobs are mirrored.
- apiGroups: [sagemaker.aws.amazon.com]
  resources: [trainingjobs]
  verbs: [create, delete]
- apiGroups: [sagemaker.services.k8s.aws]
  resources: [trainingjobs, processingjobs, hyperparametertuningjobs, transformjobs, models, endpointconfigs, endpoints]
  verbs: [create, delete]
- apiGroups: [applicationautoscaling.services.k8s.aws]
  resources: [scalabletargets, scalingpolicies]
  verbs: [create, delete]
{{- end }}
{{- with $companions }}
- apiGroups: [services.k8s.aws]
  resources: [{{ join ", " . }}]
  verbs: [get, list, watch, patch]
- apiGroups: [services.k8s.aws]
  resources: [{{ join "/status, " . }}/status]
  verbs: [patch]
{{- end }}
{{- if .Values.enableFieldExport }}
# What fields are copied to.
- apiGroups: [""]
  resources: [configmaps, secrets]
  verbs: [get, patch]
{{- end }}
- apiGroups: [""]
  resources: [events]
  verbs: [create]
# Objects of other ACK controllers that specs refer to.
- apiGroups: [iam.services.k8s.aws]
  resources: [roles]
  verbs: [get]
- apiGroups: [ec2.services.k8s.aws]
  resources: [securitygroups]
  verbs: [get]
{{- end -}}

{{- /* Kinds of Amazon SageMaker Operators for Kubernetes. */}}
{{- define "sagewright.legacyKinds" -}}
["trainingjobs", "processingjobs", "hyperparametertuningjobs", "batchtransformjobs", "hostingdeployments", "models", "endpointconfigs", "hostingautoscalingpolicies"]
{{- end }}
