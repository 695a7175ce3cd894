//! Schedules. A schedule's record says when its one timer is due: a timer that is due at another time is an old one, and does
//! nothing.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod due;
pub(crate) mod expression;
pub(crate) mod turn;
pub(crate) mod update;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Key, Record, Timer, Write};
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, arn, fields, hidden, locate};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse};
use serde_json::{Value, json};

use crate::definition::create::{check, check_input};
use crate::execution;
use crate::plan::{self, Plan, Type};
use expression::{Expression, offset};

pub(crate) const KIND: Kind = Kind::MONITORING_SCHEDULE;

/// Whose timers begin executions.
pub(crate) const OWNER: &str = "monitoring";

/// Where a schedule's record has the job definition that it names, as [`definition`] writes it.
pub(crate) const DEFINITION: &str = "_.definition";

/// A job definition, however a request spells its name.
///
/// # Errors
/// There are none of the type.
pub(crate) fn definition(monitoring: Type, name: &str) -> Result<String, ApiError> {
    Ok(format!("{}/{}", monitoring.kind()?.as_str(), name.to_ascii_lowercase()))
}

/// The longest window that a schedule may name.
const WINDOW: i64 = 24 * 3_600_000;

/// How long a schedule is `Pending`, in the embedded cloud's time.
const PENDING: i64 = 1000;

/// Sets when a schedule's timer is due; none where there is nothing to come.
///
/// # Errors
/// The record is damaged.
fn set_due(record: &mut Record, due: Option<i64>) -> Result<Option<Write>, ApiError> {
    hidden(fields(record)?).insert("due".to_owned(), json!(due));
    Ok(due.map(|due| {
        let Key { account, region, name, .. } = &record.key;
        let id = format!("{OWNER}:{account}:{region}:{name}");
        let body = json!({ "account": account, "region": region, "name": name });
        Write::SetTimer(Timer { id, due, body })
    }))
}

fn due_of(record: &Record) -> Option<i64> {
    record.body[HIDDEN]["due"].as_i64()
}

fn expression_of(config: &Value) -> Result<Expression, String> {
    Expression::read(config["ScheduleConfig"]["ScheduleExpression"].as_str())
}

/// Checks the configuration of a request; gives what an execution of it would run.
async fn checked(sm: &SageMaker, call: &Call, name: &str) -> Result<Plan, ApiError> {
    let config = &call.input["MonitoringScheduleConfig"];
    let when = &config["ScheduleConfig"];
    let expression = expression_of(config).map_err(ApiError::validation)?;
    let mut offsets = Vec::new();
    for member in ["DataAnalysisStartTime", "DataAnalysisEndTime"] {
        match when[member].as_str() {
            Some(text) => offsets.push(offset(member, text).map_err(ApiError::validation)?),
            None if expression == Expression::Now => {
                return Err(ApiError::validation(format!(
                    "{member} must be set in a ScheduleConfig with the expression NOW."
                )));
            }
            None => {}
        }
    }
    match offsets[..] {
        [start, end] if start >= end => {
            return Err(ApiError::validation("DataAnalysisStartTime must be before DataAnalysisEndTime."));
        }
        [start, end] if end - start > WINDOW => {
            return Err(ApiError::validation(
                "DataAnalysisStartTime must not precede DataAnalysisEndTime by more than 24 hours.",
            ));
        }
        _ => {}
    }
    let plan = planned(sm, call, name).await?;
    // What each execution would find out (aws/sagemaker-python-sdk#4873).
    execution::window(config, &plan, call.now.as_millisecond()).map_err(ApiError::validation)?;
    let endpoint = locate(call, Kind::ENDPOINT, plan.endpoint_name().unwrap_or_default())?;
    match sm.env().store.record(&endpoint.0).await? {
        Some(_) => Ok(plan),
        None => Err(Kind::ENDPOINT.missing(&endpoint.1)),
    }
}

/// What the configuration of a request runs.
async fn planned(sm: &SageMaker, call: &Call, name: &str) -> Result<Plan, ApiError> {
    let config = &call.input["MonitoringScheduleConfig"];
    let monitoring = match config["MonitoringType"].as_str() {
        Some(text) => Type::of(text),
        None => Some(Type::DataQuality),
    };
    let monitoring = monitoring.ok_or_else(|| ApiError::validation("MonitoringType is not valid."))?;
    let inline = &config["MonitoringJobDefinition"];
    match (inline.is_null(), config["MonitoringJobDefinitionName"].as_str()) {
        (true, Some(_)) if config["MonitoringType"].is_null() => {
            Err(ApiError::validation("MonitoringType must be set where MonitoringJobDefinitionName is."))
        }
        (true, Some(_)) => {
            let key = sagewright_cloud_sagemaker_base::resource::key(call, KIND, name);
            plan::of_schedule(sm, &key, config).await?.map_err(|why| ApiError::new("ResourceNotFound", 400, why))
        }
        (false, None) if matches!(monitoring, Type::ModelQuality | Type::ModelBias) => Err(refuse::instead(
            &format!(
                "A MonitoringJobDefinition of the MonitoringType {}, which has no ground truth,",
                monitoring.name()
            ),
            &format!("Create a {}JobDefinition and name it in MonitoringJobDefinitionName", monitoring.name()),
        )),
        (false, None) => {
            let plan = Plan::inline(inline, monitoring);
            check_input("MonitoringInputs[0]", &inline["MonitoringInputs"][0])?;
            let member = "MonitoringAppSpecification";
            check(sm, member, &inline[member], &plan)?;
            sm.check_role(call, Some(&plan.role), &arn(call, KIND, name)).await?;
            Ok(plan)
        }
        _ => Err(ApiError::validation(
            "Exactly one of MonitoringJobDefinition and MonitoringJobDefinitionName must be set in MonitoringScheduleConfig.",
        )),
    }
}

/// Puts the configuration of a request into a record.
fn configure(record: &mut Record, call: &Call, plan: &Plan) -> Result<(), ApiError> {
    let stored = fields(record)?;
    stored.insert("MonitoringScheduleConfig".to_owned(), call.input["MonitoringScheduleConfig"].clone());
    let runs = plan.definition.as_deref().map(|name| definition(plan.monitoring, name)).transpose()?;
    match plan.endpoint_name() {
        Some(name) => stored.insert("EndpointName".to_owned(), json!(name)),
        None => stored.swap_remove("EndpointName"),
    };
    hidden(stored).insert("definition".to_owned(), json!(runs));
    Ok(())
}
