-- What was billed, judged and given away is kept as people and orders are: with the trigger `kept_stands`, so that the
-- daemon's role may only read and add there.
--
-- Not here: `validated_day`, of which retention drops whole partitions, so that the daemon owns it, and `register_read`,
-- of which what is forgotten is deleted. Their own triggers hold.
DROP TRIGGER export_batch_kept ON export_batch;
DROP TRIGGER export_release_kept ON export_release;
DROP TRIGGER export_delivery_kept ON export_delivery;
DROP TRIGGER export_answer_kept ON export_answer;
DROP FUNCTION export_only_added();

DROP TRIGGER vee_parameters_stand ON vee_parameters;
DROP TRIGGER vee_run_stand ON vee_run;
DROP TRIGGER vee_edit_stand ON vee_edit;
DROP TRIGGER frozen_day_stand ON frozen_day;

DROP TRIGGER bill_stands ON bill;
DROP FUNCTION bill_stands();

SELECT keep(t) FROM unnest('{
    export_batch,export_release,export_delivery,export_answer,vee_parameters,vee_run,vee_edit,frozen_day,point_contract,
    tariff_text,bill
}'::regclass[]) AS t;
